// What compressing costs and saves a writer now: gathers what the trials of codecs go by (codec_trials.h),
// and says which batches a sample is to be taken of.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "append/compression/codec_tuner.h"
#include "append/compression/concurrency_probe.h"
#include "append/compression/cpu_meter.h"
#include "base/clock.h"

namespace varve::append {

/// What each way makes of some bytes. `as_it_is` costs nothing and saves nothing.
struct Sample {
  struct Of {
    double ratio = 1;        ///< stored bytes for one that was appended
    double ns_per_byte = 0;  ///< of CPU, for one that was appended
  };
  std::array<Of, ways> of;

  /// Enough to be worth a reader's time.
  [[nodiscard]] bool shrinks(const format::Packing& packing) const;
};
[[nodiscard]] Sample take_sample(std::span<const std::byte> body, format::Packer& packer);

/// What is to be done with a batch.
struct CompressionJob {
  format::Packing packing;
  bool sample = false;  ///< first; and should it hardly shrink, it is left as it is
  std::chrono::steady_clock::time_point at{};
};

/// Thread-safety: one thread, the upload loop's.
class CostModel {
 public:
  using Clock = std::chrono::steady_clock;

  explicit CostModel(std::uint32_t threads) : threads_(threads) {}

  /// How busy the writer is as it hands a batch on.
  struct Load {
    bool others_wait = false;  ///< it is not the last batch that could go now
    bool line_full = false;
  };
  /// For a batch of `bytes`.
  CompressionJob choose(std::uint64_t bytes, const Load& load, Clock::time_point now);

  /// What it became.
  struct Outcome {
    format::Packing packing;
    std::uint64_t bytes = 0;
    std::uint64_t packed_bytes = 0;   ///< `bytes` if it did not shrink
    std::chrono::nanoseconds cpu{0};  ///< for compressing, and for the sample
    std::chrono::nanoseconds sample_cpu{0};
    std::optional<Sample> sample = {};
  };
  void done(const Outcome& outcome);

  /// It is acknowledged; in the order of `choose`.
  void acknowledged(const CompressionJob& job, std::uint64_t bytes, std::uint64_t object_bytes,
                    Clock::time_point now);

  [[nodiscard]] ConcurrencyProbe& line() { return line_; }

 private:
  void look(const Load& load, Clock::time_point now);
  void learn_line(bool cpu_is_idle, Clock::time_point now);
  [[nodiscard]] Estimates estimates(Clock::time_point now) const;
  [[nodiscard]] Sample::Of expected(std::size_t way) const;

  const double threads_;
  ConcurrencyProbe line_;
  CpuMeter cpu_;
  CodecTuner trials_;
  CodecTuner::Progress progress_;
  double batch_bytes_ = 0;  // of late

  // Since the last look: from the first object that arrived to the last.
  struct Look {
    std::uint64_t objects = 0;
    std::uint64_t object_bytes = 0;  // behind the first
    Clock::time_point first{};
    Clock::time_point last{};
    bool always_full = true;
    std::uint64_t handed_bytes = 0;  // before it began
    std::chrono::nanoseconds cpu = process_cpu();
    Clock::time_point began = base::now();
    std::chrono::nanoseconds compressing{0};
  } look_;
  double other_ns_per_byte_ = 0;  // of CPU, for an appended byte, without compressing
  double line_bytes_per_ns_ = 0;  // what it carried when it was kept full
  Clock::time_point line_trusted_until_{};
  std::optional<Clock::time_point> unclear_since_;  // it has been full, and the CPU busy

  std::optional<Sample> sample_;
  Clock::time_point sampled_at_{};
  Clock::time_point next_sample_{};
  // A whole batch against the sample.
  double ratio_scale_ = 1;
  double time_scale_ = 1;
};

}  // namespace varve::append
