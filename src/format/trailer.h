// The end of a DATA object: a sparse index, so that one record can be fetched without the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "format/header.h"

namespace varve::format {

/// The body is cut into strides of this many bytes (counted from the end of the header); the index
/// has an entry for each stride in which a record begins.
inline constexpr std::size_t index_stride_bytes = std::size_t{64} << 10;

/// The first record that begins in a stride.
struct IndexEntry {
  std::uint32_t record = 0;    ///< its number in the object, from 0
  std::uint32_t position = 0;  ///< of its header, from the object's front

  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

/// What a trailer with `entries` entries takes.
[[nodiscard]] constexpr std::size_t trailer_bytes(std::size_t entries) { return entries * 8 + 16; }

/// Writes the trailer at `out` (exactly `trailer_bytes(index.size())` long).
void encode_trailer(std::span<const IndexEntry> index, std::span<std::byte> out);

/// Reads the trailer of an object from `tail`: the object's last bytes, or all of it, as long as
/// the trailer is in it. `header` is the object's. Errors: `corruption`.
Result<std::vector<IndexEntry>> decode_trailer(std::span<const std::byte> tail, const Header& header);

}  // namespace varve::format
