#include "format/trailer.h"

#include <fmt/format.h>

#include "format/crc.h"
#include "format/fields.h"

namespace varve::format {
namespace {

// What a sound index cannot hold; the checksum holds by then, so it was made wrong.
bool is_sound(std::span<const IndexEntry> index, const Header& header) {
  IndexEntry before{.record = 0, .position = header_bytes};
  std::size_t stride_begin = header_bytes;
  for (const IndexEntry& entry : index) {
    if (before.position >= stride_begin) {
      // The record before begins in this stride or later: it is this one's first, too.
      if (entry != before) return false;
    } else {
      if (entry.position < stride_begin || entry.position > header.body_end || entry.position % 8 != 0)
        return false;
      if (entry.record <= before.record || entry.record > header.record_count) return false;
      if ((entry.position == header.body_end) != (entry.record == header.record_count)) return false;
      // A record takes 8 bytes at least.
      if ((entry.position - before.position) / 8 < entry.record - before.record) return false;
    }
    before = entry;
    stride_begin += index_stride_bytes;
  }
  return true;
}

Error damaged_trailer(const Header& header, std::string_view how) {
  return {Code::corruption, fmt::format("the trailer of object {} {}", header.seq, how)};
}

}  // namespace

void encode_trailer(std::span<const IndexEntry> index, std::span<std::byte> out) {
  VARVE_INVARIANT(out.size() == trailer_bytes(index.size()));
  FieldWriter writer(out);
  for (const IndexEntry& entry : index) {
    writer.field(entry.record);
    writer.field(entry.position);
  }
  writer.field(static_cast<std::uint32_t>(index.size()));
  writer.field(crc32c(out.first(index.size() * 8 + 4)));
  writer.bytes(std::as_bytes(std::span(end_magic)));
}

Result<std::vector<IndexEntry>> decode_trailer(std::span<const std::byte> tail, const Header& header) {
  const std::size_t entries = index_entries(header.body_end);
  const std::size_t bytes = trailer_bytes(entries);
  if (tail.size() < bytes)
    return damaged_trailer(header, fmt::format("is cut off: {} bytes of {}", tail.size(), bytes));
  const auto trailer = tail.last(bytes);

  if (!std::ranges::equal(trailer.last(end_magic.size()), std::as_bytes(std::span(end_magic)))) {
    return damaged_trailer(header, "does not end as one: the object is cut off or damaged");
  }
  const auto covered = trailer.first(entries * 8 + 4);
  if (field_at<std::uint32_t>(trailer, covered.size()) != crc32c(covered)) {
    return damaged_trailer(header, "is damaged: wrong checksum");
  }

  FieldReader reader(trailer);
  std::vector<IndexEntry> index(entries);
  for (IndexEntry& entry : index) {
    reader.field(entry.record);
    reader.field(entry.position);
  }
  std::uint32_t count = 0;
  reader.field(count);
  if (count != entries)
    return damaged_trailer(header, fmt::format("has {} entries, its body {} strides", count, entries));
  if (!is_sound(index, header)) return damaged_trailer(header, "says impossible things about its records");
  return index;
}

}  // namespace varve::format
