// Any bytes as the end of a DATA object, as they are and with magic, count and checksum that hold: what
// is taken for an index never leads out of the body, and is encoded as the same bytes again.
#include "format/trailer.h"

#include <algorithm>

#include "base/invariant.h"
#include "format/crc.h"
#include "format/fields.h"
#include "fuzz/input.h"

namespace {

using namespace varve;

constexpr std::size_t record_count_at = 80;
constexpr std::size_t body_end_at = 88;
constexpr std::uint64_t longest_body = std::uint64_t{64} << 20;

/// The input is the front and the end of a DATA object; of its header only these fields matter.
format::Header header_of(fuzz::Input input) {
  format::Header header;
  header.record_count = format::field_at<std::uint32_t>(input, record_count_at);
  header.body_end = format::header_bytes + format::field_at<std::uint64_t>(input, body_end_at) % longest_body;
  header.body_end -= header.body_end % 8;
  return header;
}

void read(fuzz::Input tail, const format::Header& header) {
  const auto index = format::decode_trailer(tail, header);
  if (!index) {
    VARVE_INVARIANT(!index.error().message().empty());
    return;
  }
  for (const format::IndexEntry& entry : *index) {
    VARVE_INVARIANT(entry.position >= format::header_bytes && entry.position <= header.body_end);
    VARVE_INVARIANT(entry.record <= header.record_count);
  }
  VARVE_INVARIANT(std::ranges::is_sorted(*index, {}, &format::IndexEntry::position));
  VARVE_INVARIANT(std::ranges::is_sorted(*index, {}, &format::IndexEntry::record));
  std::vector<std::byte> again(format::trailer_bytes(index->size()));
  format::encode_trailer(*index, again);
  VARVE_INVARIANT(std::ranges::equal(again, tail.last(again.size())));
}

void mend(std::span<std::byte> trailer, std::size_t entries) {
  const std::size_t covered = entries * sizeof(format::IndexEntry) + 4;
  format::FieldWriter(trailer.subspan(covered - 4)).field(static_cast<std::uint32_t>(entries));
  format::FieldWriter end(trailer.subspan(covered));
  end.field(format::crc32c(trailer.first(covered)));
  end.bytes(std::as_bytes(std::span(format::end_magic)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < format::header_bytes) return 0;
  std::vector<std::byte> input = fuzz::copy_of(fuzz::input_of(data, size));
  const format::Header header = header_of(input);
  const auto tail = std::span(input).subspan(format::header_bytes);
  read(tail, header);
  const std::size_t entries = format::index_entries(header.body_end);
  if (tail.size() < format::trailer_bytes(entries)) return 0;
  mend(tail.last(format::trailer_bytes(entries)), entries);
  read(tail, header);
  return 0;
}
