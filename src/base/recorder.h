// A histogram that is being filled.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "base/counter.h"
#include "varve/metrics.h"

namespace varve::base {

/// 50 us to 100 s, as people round.
inline constexpr std::array<std::uint64_t, 20> latency_bounds_us{
    50,        100,       200,        500,        1'000,      2'000,      5'000,
    10'000,    20'000,    50'000,     100'000,    200'000,    500'000,    1'000'000,
    2'000'000, 5'000'000, 10'000'000, 20'000'000, 50'000'000, 100'000'000};

inline constexpr std::array<std::uint64_t, 11> percent_bounds{1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100};

/// Thread-safe. Filled once for an object or a request: a lock prefix does not matter there.
template <const auto& bounds>
class Recorder {
 public:
  void record(std::uint64_t value) noexcept {
    const auto range =
        static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin());
    counts_[range].add();
    sum_.add(value);
  }

  [[nodiscard]] Histogram snapshot() const {
    Histogram histogram{.upper_bounds = bounds, .counts = {}, .sum = sum_.value()};
    histogram.counts.reserve(counts_.size());
    for (const Counter& count : counts_) histogram.counts.push_back(count.value());
    return histogram;
  }

 private:
  std::array<Counter, bounds.size() + 1> counts_{};
  Counter sum_;
};

using PercentRecorder = Recorder<percent_bounds>;

class LatencyRecorder : public Recorder<latency_bounds_us> {
 public:
  /// A clock that stepped back counts as no time.
  void record_span(std::chrono::nanoseconds span) noexcept {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(span).count();
    record(static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)));
  }
};

}  // namespace varve::base
