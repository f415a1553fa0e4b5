// The body of a DATA object: records, one after the other, each with its own checksum.
//
//   u32 crc    over the 4 bytes of `length`, then the payload; seeded with the record's offset, so
//              that a record out of place (a reused buffer, a mixed-up object) does not validate
//   u32 length of the payload; bit 31 set: not a record but padding of `length & 0x7fffffff` bytes
//              (these 8 included, the rest zero), which a reader passes over; its crc covers
//              `length` alone, with seed 0
//   payload, then zeros up to a multiple of 8
//
// Payloads so begin at multiples of 8 in the object.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "format/crc.h"
#include "format/header.h"
#include "format/trailer.h"

namespace varve::format {

// Records are laid out and read where they lie, integers as the machine has them.
static_assert(std::endian::native == std::endian::little, "Varve's records are little-endian");

inline constexpr std::size_t record_header_bytes = 8;
inline constexpr std::size_t record_alignment = 8;
inline constexpr std::uint32_t padding_bit = 1U << 31;

/// What a record of `payload` bytes takes in an object.
[[nodiscard]] constexpr std::size_t stored_bytes(std::size_t payload) {
  return (record_header_bytes + payload + record_alignment - 1) & ~(record_alignment - 1);
}

/// The start value of a record's CRC: the offset, folded. Offsets below 2^32 all have different ones,
/// and so the same bytes have a different checksum at each.
[[nodiscard]] constexpr std::uint32_t record_seed(Offset offset) {
  return static_cast<std::uint32_t>(offset) ^ static_cast<std::uint32_t>(offset >> 32);
}

/// Writes length and checksum before a payload that lies at `at + record_header_bytes` already.
inline void write_record_header(std::byte* at, std::size_t payload, Offset offset) {
  const auto length = static_cast<std::uint32_t>(payload);
  std::memcpy(at + 4, &length, 4);
  const std::uint32_t crc = crc32c({at + 4, 4 + payload}, record_seed(offset));
  std::memcpy(at, &crc, 4);
}

/// Finishes a record whose payload lies at `at + record_header_bytes` already: length, checksum,
/// zeros behind it.
inline void seal_record(std::byte* at, std::size_t payload, Offset offset) {
  const std::size_t end = record_header_bytes + payload;
  std::memset(at + end, 0, stored_bytes(payload) - end);
  write_record_header(at, payload, offset);
}

/// Lays one record out at `at`, which has room for `stored_bytes(payload.size())`.
inline void write_record(std::byte* at, std::span<const std::byte> payload, Offset offset) {
  // One store of fixed size, most of which is overwritten, instead of a call for a few zeros.
  constexpr std::uint64_t zeros = 0;
  std::memcpy(at + stored_bytes(payload.size()) - sizeof zeros, &zeros, sizeof zeros);
  if (!payload.empty()) std::memcpy(at + record_header_bytes, payload.data(), payload.size());
  write_record_header(at, payload.size(), offset);
}

/// Fills `bytes` (a multiple of 8, at least 8) at `at` with padding. Its checksum has seed 0.
void write_padding(std::byte* at, std::size_t bytes);

/// A record found in a body.
struct RecordView {
  Offset offset = 0;
  std::size_t position = 0;  ///< of its header, from the object's front
  std::span<const std::byte> payload;
};

/// Walks the records of a DATA object, or of a part of one. Every checksum and every padding byte is
/// verified. After an error it stays where it is.
class RecordCursor {
 public:
  /// `object`: the whole object; `header`: what `decode_header` made of it.
  RecordCursor(std::span<const std::byte> object, const Header& header);

  /// The part [`from.position`, `to.position`) of the object with that header. `from` and `to` are
  /// from its index; `to` may be the body's end: {record_count, body_end}.
  RecordCursor(std::span<const std::byte> part, const Header& header, IndexEntry from, IndexEntry to);

  /// The next record; nothing after the last. `corruption` if the bytes at this place are not a
  /// sound record, or the body does not end where the header says.
  Result<std::optional<RecordView>> next();

 private:
  [[nodiscard]] Error damaged(std::string_view how) const;

  std::span<const std::byte> rest_;
  Seq seq_;
  std::size_t position_;  // of rest_'s front in the object
  std::size_t end_;
  Offset offset_;
  Offset end_offset_;
};

}  // namespace varve::format
