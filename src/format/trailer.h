// The end of a DATA object: a sparse index, so that one record can be fetched without the rest.
//
//   8 bytes for each stride of the body: u32 record, u32 position (`IndexEntry`)
//   8 bytes for each block, if the body is compressed: u32 end, u32 CRC-32C (`BlockEntry`)
//   u32 number of entries
//   u32 CRC-32C of all before, from the first entry on
//   8 bytes: `end_magic`
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "format/header.h"

namespace varve::format {

/// The body is cut into strides of this many bytes, counted from the end of the header.
inline constexpr std::size_t index_stride_bytes = std::size_t{64} << 10;

/// An object's last bytes.
inline constexpr std::array<std::uint8_t, 8> end_magic{'V', 'A', 'R', 'V', 'E', 'E', 'N', 'D'};

/// Entry i: the first record that begins at or after the start of stride i. When there is none, the
/// record after the last and the end of the body. A record longer than a stride so leaves several
/// entries alike.
struct IndexEntry {
  std::uint32_t record = 0;    ///< its number in the object, from 0
  std::uint32_t position = 0;  ///< of its header, from the object's front

  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

/// How many entries the index of a body has that ends at `body_end`: one for each stride begun.
[[nodiscard]] constexpr std::size_t index_entries(std::uint64_t body_end) {
  return (body_end - header_bytes + index_stride_bytes - 1) / index_stride_bytes;
}

/// Makes the entries that follow from one record alone: the record takes [`begin`, `end`) of the
/// object, padding behind it included, and `next_record` is the number of the one after it. Exactly
/// one record of a body makes each entry, so threads that lay records out side by side may share
/// `index` without locks, and it needs no clearing. It may be longer than the body will need (the
/// writer does not know yet where that will end); entries beyond its end are not made.
inline void index_record(std::span<IndexEntry> index, std::size_t begin, std::size_t end,
                         std::uint32_t next_record) {
  const std::size_t first = (begin - header_bytes) / index_stride_bytes + 1;
  const std::size_t past = std::min((end - header_bytes) / index_stride_bytes + 1, index.size());
  for (std::size_t i = first; i < past; ++i) {
    index[i] = {.record = next_record, .position = static_cast<std::uint32_t>(end)};
  }
  if (begin == header_bytes && !index.empty()) index[0] = {.record = 0, .position = header_bytes};
}

/// One block of a compressed body (format/blocks.h).
struct BlockEntry {
  std::uint32_t end = 0;  ///< of its stored bytes, from the object's front; the next block begins there
  std::uint32_t crc = 0;  ///< CRC-32C of its stored bytes

  friend bool operator==(const BlockEntry&, const BlockEntry&) = default;
};

/// How many blocks the body is cut into; 0 if it is not compressed.
[[nodiscard]] constexpr std::size_t block_count(const Header& header) {
  if (header.codec == Codec::none) return 0;
  const std::uint64_t block_bytes = std::uint64_t{1} << header.block_log2;
  return (header.body_end - header_bytes + block_bytes - 1) / block_bytes;
}

/// What a trailer with `entries` entries takes.
[[nodiscard]] constexpr std::size_t trailer_bytes(std::size_t entries) { return entries * 8 + 16; }
/// Of a DATA object.
[[nodiscard]] constexpr std::size_t trailer_bytes(const Header& header) {
  return trailer_bytes(index_entries(header.body_end) + block_count(header));
}

/// Writes the trailer at `out` (exactly as long as it takes).
void encode_trailer(std::span<const IndexEntry> index, std::span<std::byte> out);
void encode_trailer(std::span<const IndexEntry> index, std::span<const BlockEntry> blocks,
                    std::span<std::byte> out);

/// Reads the trailer of an object from `tail`: the object's last bytes, or all of it, as long as
/// the trailer is in it. `header` is the object's. Errors: `corruption`.
Result<std::vector<IndexEntry>> decode_trailer(std::span<const std::byte> tail, const Header& header);

/// Reads the blocks from the same bytes: none if the body is not compressed. Each lies within the body,
/// and takes at most what it takes when it is not compressed. Errors: `corruption`.
Result<std::vector<BlockEntry>> decode_blocks(std::span<const std::byte> tail, const Header& header);

}  // namespace varve::format
