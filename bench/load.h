// What a benchmark appends, and the proof that it came back: every record says which producer made it
// and as which of its records, and the rest of it follows from that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "varve/result.h"
#include "varve/store.h"

namespace varve::bench {

struct Load {
  std::size_t record_bytes = 100;  ///< at least `Stamp`'s 16
  std::uint32_t producers = 1;
  std::uint32_t batch = 1;        ///< records an append call
  bool reserve = false;           ///< write in place instead of copying
  double records_per_second = 0;  ///< all producers together; 0: flat out
  double seconds = 3;
};

struct Stamp {
  std::uint64_t producer = 0;
  std::uint64_t number = 0;
};

/// Fills `record` for `stamp`.
void make_record(std::span<std::byte> record, Stamp stamp);
/// Only the stamp anew, the rest being as `make_record` left it for the same producer.
void restamp(std::span<std::byte> record, Stamp stamp);

struct ReadBackFigures {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
};

/// Reads the log from `from` on, and checks that it holds what the producers appended: each one's
/// records complete (`appended[producer]` of them), in its order, each with the right bytes.
/// `corruption` says what is wrong.
Result<ReadBackFigures> check_log(const LogAddress& log, Offset from, std::size_t record_bytes,
                                  const std::vector<std::uint64_t>& appended);

}  // namespace varve::bench
