// What compressing costs and saves a writer now: gathers the facts that the choice is made from
// (compression_choice.h), and says which batches a sample is to be taken of.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "writer/compression_choice.h"
#include "writer/cpu_meter.h"
#include "writer/line_meter.h"

namespace varve::writer {

/// What is to be done with a batch.
struct Order {
  format::Packing packing;
  /// Set: first see what the candidates make of it, and then choose. Its facts are as of now.
  std::optional<CompressionFacts> sample = {};
  Candidates candidates = {};
  std::size_t present = as_it_is;
};

/// For a writer whose codec is fixed.
[[nodiscard]] inline Order fixed_order(const format::Packing& packing) { return {.packing = packing}; }

/// What the candidates make of a piece of `body`: ratios and times.
void take_sample(std::span<const std::byte> body, format::Packer& packer, Candidates& candidates);

/// Thread-safety: one thread, the pilot's.
class Economy {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Economy(std::uint32_t threads) : threads_(threads) {}

  /// What the pilot sees as it hands a batch on.
  struct Sight {
    std::uint64_t appended_bytes = 0;  ///< by now, acknowledged or not, about
    bool others_wait = false;          ///< it is not the last batch that could go now
    bool line_waits = false;  ///< the line has room, and what is on its way to it is still being compressed
    bool done_waits = false;  ///< the line is full, and compressed batches wait for it
  };
  /// For a batch of `bytes`.
  Order order(std::uint64_t bytes, const Sight& sight, Clock::time_point now);
  /// What it became: `candidates` of a sample, if one was taken.
  struct Outcome {
    format::Packing packing;
    std::uint64_t bytes = 0;
    std::uint64_t packed_bytes = 0;   ///< `bytes` if it did not shrink
    std::chrono::nanoseconds cpu{0};  ///< for compressing, and for the sample
    std::chrono::nanoseconds sample_cpu{0};
    std::optional<Candidates> sampled = {};
  };
  void done(const Outcome& outcome);

  [[nodiscard]] LineMeter& line() { return line_; }

 private:
  [[nodiscard]] CompressionFacts facts(std::uint64_t bytes, const Sight& sight) const;
  [[nodiscard]] Candidates scaled() const;
  void look(std::uint64_t appended_bytes, Clock::time_point now);

  const std::uint32_t threads_;
  LineMeter line_;
  CpuMeter cpu_;
  std::chrono::nanoseconds own_cpu_{0};  // compressing, since the last look
  std::uint64_t appended_bytes_ = 0;     // at the last look
  Clock::time_point looked_at_ = Clock::now();
  double other_ns_per_byte_ = 1;
  double demand_ns_per_byte_ = 0;
  double more_cores_ = 1;  // times what the system says

  Candidates sampled_ = unknown_candidates();
  bool is_sampled_ = false;
  Clock::time_point sampled_at_{};
  Clock::time_point next_sample_{};
  // A whole batch against the sample.
  double ratio_scale_ = 1;
  double time_scale_ = 1;
  std::size_t present_ = as_it_is;
};

}  // namespace varve::writer
