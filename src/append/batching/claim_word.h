// The one atomic word of a batch: how many records and bytes have been claimed in it.
//
//   bits 63..40  records claimed
//   bit  39      the batch takes no more claims
//   bits 38..0   bytes claimed, in units of 8 (every stored record is a multiple of 8)
//
// One fetch_add of `claim_of(records, bytes)` claims a dense record index and a position at once.
//
// `ClaimLimits::fits` can only go from true to false as claims are added, so exactly one claim finds
// the word fitting before and not after itself: that thread, the crosser, closes the batch. What the
// word counts after that is meaningless, but it keeps not fitting:
//   - the record count cannot wrap to something small first: every record takes at least one unit,
//     so long before 2^24 records are claimed the bytes alone exceed the largest batch;
//   - the bytes cannot carry out of bit 39: a thread adds to a word that no longer fits at most
//     twice (batch_pool.h, "Losers"), at most 2^23 units each, so it would take 2^15 threads, each
//     with a 64 MiB claim in the same instant.
#pragma once

#include <cstddef>
#include <cstdint>

namespace varve::append {

using ClaimWord = std::uint64_t;

inline constexpr std::size_t claim_unit_bytes = 8;
inline constexpr int claim_record_shift = 40;
inline constexpr ClaimWord claim_closed_bit = ClaimWord{1} << 39;
inline constexpr ClaimWord claim_unit_mask = (ClaimWord{1} << claim_record_shift) - 1;

/// More records than any batch holds; fewer than the word can count.
inline constexpr std::uint32_t claim_records_end = 1U << 24;

/// What is added to claim `records` records that take `bytes` (a multiple of 8) together.
[[nodiscard]] constexpr ClaimWord claim_of(std::uint32_t records, std::size_t bytes) {
  return (ClaimWord{records} << claim_record_shift) | (bytes / claim_unit_bytes);
}

[[nodiscard]] constexpr std::uint32_t records_in(ClaimWord word) {
  return static_cast<std::uint32_t>(word >> claim_record_shift);
}

/// A closed word "has" more bytes than any batch.
[[nodiscard]] constexpr std::size_t bytes_in(ClaimWord word) {
  return static_cast<std::size_t>(word & claim_unit_mask) * claim_unit_bytes;
}

/// What may be claimed in one batch.
struct ClaimLimits {
  std::size_t body_bytes = 0;  ///< records, at most
  std::size_t room_bytes = 0;  ///< records and their callback slots together, at most
  std::size_t slot_bytes = 0;  ///< a callback slot

  [[nodiscard]] constexpr bool fits(ClaimWord word) const { return fits(records_in(word), bytes_in(word)); }
  [[nodiscard]] constexpr bool fits(std::size_t records, std::size_t bytes) const {
    return bytes <= body_bytes && bytes + records * slot_bytes <= room_bytes;
  }
};

}  // namespace varve::append
