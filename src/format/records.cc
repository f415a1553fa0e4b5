#include "format/records.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/invariant.h"

#include "base/mutant.h"

namespace varve::format {
namespace {

std::uint32_t load_u32(const std::byte* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

bool all_zero(std::span<const std::byte> bytes) {
  // The first byte is zero and each other one equals its neighbour: memcmp is as fast as memory.
  return bytes.empty() || (bytes.front() == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

IndexEntry body_end_of(const Header& header) {
  return {.record = header.record_count, .position = static_cast<std::uint32_t>(header.body_end)};
}

// What of the body is there: an object cut short is damage to report, not to trip over.
std::span<const std::byte> body_of(std::span<const std::byte> object, const Header& header) {
  const std::size_t end = std::min<std::size_t>(object.size(), header.body_end);
  return end <= header_bytes ? std::span<const std::byte>()
                             : object.subspan(header_bytes, end - header_bytes);
}

}  // namespace

void write_padding(std::byte* at, std::size_t bytes) {
  VARVE_INVARIANT(bytes >= record_header_bytes && bytes % record_alignment == 0 && bytes < padding_bit);
  const std::uint32_t length = static_cast<std::uint32_t>(bytes) | padding_bit;
  std::memcpy(at + 4, &length, 4);
  const std::uint32_t crc = crc32c({at + 4, 4});
  std::memcpy(at, &crc, 4);
  std::memset(at + record_header_bytes, 0, bytes - record_header_bytes);
}

RecordCursor::RecordCursor(std::span<const std::byte> object, const Header& header)
    : RecordCursor(body_of(object, header), header, {.record = 0, .position = header_bytes},
                   body_end_of(header)) {}

RecordCursor::RecordCursor(std::span<const std::byte> part, const Header& header, IndexEntry from,
                           IndexEntry to)
    : rest_(part),
      seq_(header.seq),
      position_(from.position),
      end_(to.position),
      offset_(header.first_offset + from.record),
      end_offset_(header.first_offset + to.record) {
  VARVE_INVARIANT(header.kind == Kind::data);
}

Result<std::optional<RecordView>> RecordCursor::next() {
  while (position_ < end_) {
    if (rest_.size() < record_header_bytes) return damaged("is cut off");
    const std::uint32_t crc = load_u32(rest_.data());
    const std::uint32_t length = load_u32(rest_.data() + 4);
    const bool is_padding = (length & padding_bit) != 0;
    const std::size_t stored = is_padding ? length & ~padding_bit : stored_bytes(length);
    const std::size_t room = std::min(rest_.size(), end_ - position_);
    if (stored < record_header_bytes || stored % record_alignment != 0 || stored > room) {
      return damaged("has an impossible length or is cut off");
    }

    const std::size_t covered = is_padding ? 0 : length;
    const std::uint32_t seed = is_padding ? 0 : record_seed(offset_);
    if (crc != crc32c(rest_.subspan(4, 4 + covered), seed) && !mutated(Mutant::record_crc_unchecked))
      return damaged("is damaged or out of place: wrong checksum");
    const std::size_t used = record_header_bytes + covered;
    if (!all_zero(rest_.subspan(used, stored - used)))
      return damaged("is damaged: the bytes behind it are not zero");

    RecordView record{
        .offset = offset_, .position = position_, .payload = rest_.subspan(record_header_bytes, covered)};
    if (!is_padding && offset_ == end_offset_) return damaged("is one more than the header says");
    rest_ = rest_.subspan(stored);
    position_ += stored;
    if (is_padding) continue;
    ++offset_;
    return std::optional(record);
  }
  if (offset_ != end_offset_) return damaged("is missing: the records end before it");
  return std::optional<RecordView>();
}

Error RecordCursor::damaged(std::string_view how) const {
  return {Code::corruption, fmt::format("record {} (object {}, byte {}) {}", offset_, seq_, position_, how)};
}

}  // namespace varve::format
