// What a benchmark appends: every record says which producer made it and as which of its records, and
// the rest of it follows from that (check.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bench/record_sizes.h"

namespace varve::bench {

struct Load {
  RecordSizes sizes{100};
  std::uint32_t producers = 1;
  std::uint32_t batch = 1;        ///< records an append call
  bool reserve = false;           ///< write in place instead of copying
  double records_per_second = 0;  ///< all producers together; 0: flat out
  double seconds = 3;
  std::uint64_t bytes_max = UINT64_MAX;  ///< a run ends when it has appended so much, too
};

struct Stamp {
  std::uint64_t producer = 0;
  std::uint64_t number = 0;
};

/// Fills `record` for `stamp`.
void make_record(std::span<std::byte> record, Stamp stamp);
/// Only the stamp anew, the rest being as `make_record` left it for the same producer.
void restamp(std::span<std::byte> record, Stamp stamp);

/// How far a run is, for whoever shows it meanwhile.
struct Live {
  std::atomic<std::uint64_t> records = 0;
  std::atomic<std::uint64_t> bytes = 0;
};

}  // namespace varve::bench
