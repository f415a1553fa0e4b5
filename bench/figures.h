// What one run of a load gave.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/histogram.h"
#include "bench/recorder.h"
#include "varve/result.h"

namespace varve::bench {

/// One append that was timed.
struct TimedAppend {
  Offset offset = 0;  ///< its first
  Clock::time_point began;
  Clock::time_point acknowledged;
};

struct Figures {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;                   ///< from the first append to the last acknowledgement
  double appending_seconds = 0;         ///< until the last append returned
  double cpu_seconds = 0;               ///< of the whole process
  std::uint64_t peak_memory_bytes = 0;  ///< of the whole process
  Histogram ack_us;                     ///< of every 64th append, or of all when the rate is limited
  std::vector<TimedAppend> timed;       ///< the same ones, as far as there was room
  std::vector<std::uint64_t> appended;  ///< by producer

  // What its store saw.
  StoreUse use;
  Histogram put_us;
  std::vector<Upload> uploads;

  // Where order is kept: an acknowledgement cannot come before its object and all objects before it
  // are stored. When that was, by the run's own uploads, and how much later it came.
  Histogram order_bound_us;
  Histogram behind_bound_us;

  [[nodiscard]] double records_per_second() const { return static_cast<double>(records) / seconds; }
  [[nodiscard]] double bytes_per_second() const { return static_cast<double>(bytes) / seconds; }
  [[nodiscard]] double per_gib(double amount) const {
    return bytes == 0 ? 0 : amount * (std::uint64_t{1} << 30) / static_cast<double>(bytes);
  }
};

/// Fills in the bounds, from `timed` and `uploads`.
void add_order_bound(Figures& figures);

}  // namespace varve::bench
