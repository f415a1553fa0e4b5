// Compresses batches between pool and upload loop, on threads of its own, and gives them back in their order.
//
// A batch is compressed where it lies (format/blocks.h), so that it takes no memory beyond its own, and is
// uploaded from there like any other. How many are here at once is bounded; more wait in the pool.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "append/batching/batch.h"
#include "append/compression/cost_model.h"
#include "base/condition.h"
#include "base/thread.h"
#include "format/blocks.h"

namespace varve::append {

/// What became of a batch.
struct Compressed {
  Batch* batch = nullptr;
  CompressionJob job;
  format::Packing packing;           ///< tried; none if the sample said that it is no use
  bool is_packed = false;            ///< else it is as it was
  format::PackedBody packed;         ///< what it is, if it is packed
  std::chrono::nanoseconds took{0};  ///< 0: it passed through
  std::chrono::nanoseconds cpu{0};   ///< for all of it
  std::chrono::nanoseconds sample_cpu{0};
  std::optional<Sample> sample;
};

/// Thread-safety: all but its own threads, one at a time.
class Compressor {
 public:
  /// `on_done` is called, by a thread of its own, when a batch may be taken.
  Compressor(std::uint32_t threads, std::function<void()> on_done);
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  /// One for each core, within reason.
  [[nodiscard]] static std::uint32_t usual_threads();

  [[nodiscard]] bool has_room() const;
  [[nodiscard]] bool empty() const;
  /// `batch` is ready and the upload loop's; in offset order. Without a codec or a sample it passes through.
  void add(Batch& batch, const CompressionJob& job);
  /// The oldest is done.
  [[nodiscard]] bool ready() const;
  /// The oldest, if it is done.
  std::optional<Compressed> take();
  /// Nothing will be uploaded any more: the oldest as soon as nobody works on it, as it may be; null if there
  /// is none. Blocks for as long as compressing one batch takes.
  Batch* abandon_oldest();

 private:
  enum class State : std::uint8_t { waiting, under_way, done };
  struct Job {
    Compressed result;
    State state = State::waiting;
  };

  void end();
  void run(format::Packer& packer);
  static void compress(Job& job, format::Packer& packer);

  const std::size_t jobs_max_;
  const std::function<void()> on_done_;
  mutable std::mutex mutex_;
  base::Condition work_;
  base::Condition done_;
  std::deque<Job> jobs_;  // those that threads hold stay where they are
  bool ending_ = false;
  std::vector<format::Packer> packers_;
  std::vector<base::Thread> threads_;
};

}  // namespace varve::append
