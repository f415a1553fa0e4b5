// Any bytes as the body of a DATA object, as they are and with checksums that hold: every record lies
// within the body, offsets are dense, and what is taken for a body is laid out as the same bytes again.
#include "format/records.h"

#include "base/invariant.h"
#include "format/fields.h"
#include "fuzz/input.h"

namespace {

using namespace varve;

/// The input is a DATA object without a trailer, of whose header only these fields matter.
format::Header header_of(fuzz::Input object) {
  constexpr std::size_t seq_at = 56;
  constexpr std::size_t first_offset_at = 72;
  constexpr std::size_t record_count_at = 80;
  format::Header header;
  header.seq = format::field_at<std::uint64_t>(object, seq_at);
  header.first_offset = format::field_at<std::uint64_t>(object, first_offset_at) / 2;
  header.record_count = format::field_at<std::uint32_t>(object, record_count_at);
  header.body_end = object.size() - object.size() % format::record_alignment;
  return header;
}

/// Lays out at `at` what `original` has behind a record: padding, as often as it is there.
std::size_t pad_like(std::span<const std::byte> original, std::span<std::byte> at) {
  std::size_t done = 0;
  while (at.size() - done >= format::record_header_bytes) {
    const auto length = format::field_at<std::uint32_t>(original, done + 4);
    if ((length & format::padding_bit) == 0) break;
    format::write_padding(&at[done], length & ~format::padding_bit);
    done += length & ~format::padding_bit;
  }
  return done;
}

void read(fuzz::Input object, const format::Header& header) {
  std::vector<std::byte> again(header.body_end);
  const auto behind = [&](std::size_t position) {
    return pad_like(object.first(header.body_end).subspan(position), std::span(again).subspan(position));
  };
  format::RecordCursor cursor(object, header);
  std::uint32_t records = 0;
  std::size_t position = format::header_bytes;
  for (;;) {
    const auto record = cursor.next();
    if (!record) {
      VARVE_INVARIANT(cursor.next().error().message() == record.error().message());
      return;
    }
    position += behind(position);
    if (!*record) break;
    const format::RecordView& view = **record;
    VARVE_INVARIANT(view.offset == header.first_offset + records && view.position == position);
    format::write_record(&again[position], view.payload, view.offset);
    position += format::stored_bytes(view.payload.size());
    ++records;
  }
  VARVE_INVARIANT(records == header.record_count && position == header.body_end);
  VARVE_INVARIANT(std::ranges::equal(std::span(again).subspan(format::header_bytes),
                                     object.subspan(format::header_bytes, position - format::header_bytes)));
}

/// Makes checksums, zeros and the count hold for whatever lengths are there.
void mend(std::span<std::byte> object, format::Header& header) {
  header.record_count = 0;
  std::span<std::byte> rest = object.first(header.body_end).subspan(format::header_bytes);
  while (rest.size() >= format::record_header_bytes) {
    const auto length = format::field_at<std::uint32_t>(rest, 4);
    const bool is_padding = (length & format::padding_bit) != 0;
    const std::size_t payload = length & ~format::padding_bit;
    const std::size_t stored = is_padding ? payload : format::stored_bytes(payload);
    if (stored < format::record_header_bytes || stored % format::record_alignment != 0 ||
        stored > rest.size()) {
      return;
    }
    if (is_padding) {
      format::write_padding(rest.data(), stored);
    } else {
      format::seal_record(rest.data(), payload, header.first_offset + header.record_count++);
    }
    rest = rest.subspan(stored);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < format::header_bytes) return 0;
  std::vector<std::byte> object = fuzz::copy_of(fuzz::input_of(data, size));
  format::Header header = header_of(object);
  read(object, header);
  mend(object, header);
  read(object, header);
  return 0;
}
