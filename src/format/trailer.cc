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

bool are_sound(std::span<const BlockEntry> blocks, const Header& header) {
  std::uint64_t begin = header_bytes;
  std::uint64_t raw_left = header.body_end - header_bytes;
  for (const BlockEntry& block : blocks) {
    const std::uint64_t raw = std::min(raw_left, std::uint64_t{1} << header.block_log2);
    if (block.end <= begin || block.end - begin > raw) return false;
    begin = block.end;
    raw_left -= raw;
  }
  return blocks.empty() || (begin <= header.packed_end && header.packed_end - begin < 8);
}

Error damaged_trailer(const Header& header, std::string_view how) {
  return {Code::corruption, fmt::format("the trailer of object {} {}", header.seq, how)};
}

}  // namespace

void encode_trailer(std::span<const IndexEntry> index, std::span<std::byte> out) {
  encode_trailer(index, {}, out);
}

void encode_trailer(std::span<const IndexEntry> index, std::span<const BlockEntry> blocks,
                    std::span<std::byte> out) {
  const std::size_t entries = index.size() + blocks.size();
  VARVE_INVARIANT(out.size() == trailer_bytes(entries));
  FieldWriter writer(out);
  for (const IndexEntry& entry : index) {
    writer.field(entry.record);
    writer.field(entry.position);
  }
  for (const BlockEntry& block : blocks) {
    writer.field(block.end);
    writer.field(block.crc);
  }
  writer.field(static_cast<std::uint32_t>(index.size()));
  writer.field(crc32c(out.first(entries * 8 + 4)));
  writer.bytes(std::as_bytes(std::span(end_magic)));
}

namespace {

// The trailer in `tail`, whose checksum holds and whose count is right.
Result<std::span<const std::byte>> sound_trailer(std::span<const std::byte> tail, const Header& header) {
  const std::size_t entries = index_entries(header.body_end);
  const std::size_t bytes = trailer_bytes(header);
  if (tail.size() < bytes)
    return damaged_trailer(header, fmt::format("is cut off: {} bytes of {}", tail.size(), bytes));
  const auto trailer = tail.last(bytes);

  if (!std::ranges::equal(trailer.last(end_magic.size()), std::as_bytes(std::span(end_magic)))) {
    return damaged_trailer(header, "does not end as one: the object is cut off or damaged");
  }
  const auto covered = trailer.first(bytes - end_magic.size() - crc32c_bytes);
  if (field_at<std::uint32_t>(trailer, covered.size()) != crc32c(covered)) {
    return damaged_trailer(header, "is damaged: wrong checksum");
  }
  const auto count = field_at<std::uint32_t>(covered, covered.size() - sizeof(std::uint32_t));
  if (count != entries)
    return damaged_trailer(header, fmt::format("has {} entries, its body {} strides", count, entries));
  return trailer;
}

}  // namespace

Result<std::vector<IndexEntry>> decode_trailer(std::span<const std::byte> tail, const Header& header) {
  const auto trailer = sound_trailer(tail, header);
  if (!trailer) return trailer.error();
  FieldReader reader(*trailer);
  std::vector<IndexEntry> index(index_entries(header.body_end));
  for (IndexEntry& entry : index) {
    reader.field(entry.record);
    reader.field(entry.position);
  }
  if (!is_sound(index, header)) return damaged_trailer(header, "says impossible things about its records");
  return index;
}

Result<std::vector<BlockEntry>> decode_blocks(std::span<const std::byte> tail, const Header& header) {
  const auto trailer = sound_trailer(tail, header);
  if (!trailer) return trailer.error();
  FieldReader reader(*trailer);
  reader.take(index_entries(header.body_end) * sizeof(IndexEntry));
  std::vector<BlockEntry> blocks(block_count(header));
  for (BlockEntry& block : blocks) {
    reader.field(block.end);
    reader.field(block.crc);
  }
  if (!are_sound(blocks, header)) return damaged_trailer(header, "says impossible things about its blocks");
  return blocks;
}

}  // namespace varve::format
