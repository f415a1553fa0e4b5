// Any bytes as a compressed DATA object, as they are and with checksums that hold: what is decompressed stays
// within its block's place, and the same bytes always become the same.
#include "format/blocks.h"

#include <algorithm>
#include <optional>

#include "base/invariant.h"
#include "format/crc.h"
#include "format/fields.h"
#include "fuzz/input.h"

namespace {

using namespace varve;

constexpr std::size_t body_end_at = 88;
constexpr std::size_t codec_at = 168;
constexpr std::size_t block_log2_at = 172;
constexpr std::uint64_t longest_body = std::uint64_t{160} << 10;

/// Of the input's header only these fields matter; the rest follows from its length. Nothing, if that is too
/// short for what they say.
std::optional<format::Header> header_of(fuzz::Input input) {
  format::Header header;
  header.record_count = 1;
  const std::uint64_t body_bytes =
      (format::field_at<std::uint64_t>(input, body_end_at) - format::header_bytes) % longest_body / 8 * 8;
  header.body_end = format::header_bytes + std::max<std::uint64_t>(body_bytes, 8);
  const bool is_lz4 = format::field_at<std::uint32_t>(input, codec_at) % 2 == 1;
  header.codec = is_lz4 ? format::Codec::lz4 : format::Codec::zstd;
  header.block_log2 = format::block_log2_min +
                      (format::field_at<std::uint32_t>(input, block_log2_at) - format::block_log2_min) % 3;
  const std::size_t trailer = format::trailer_bytes(header);
  if (input.size() < format::header_bytes + trailer + 8) return std::nullopt;
  header.packed_end = input.size() - trailer;
  header.packed_end -= header.packed_end % 8;
  header.object_bytes = header.packed_end + trailer;
  return header;
}

/// Decompresses into memory that ends with a guard: the codecs' libraries are not instrumented, so the
/// sanitizers do not see all that they write.
std::optional<std::vector<std::byte>> unpacked(fuzz::Input object, const format::Header& header,
                                               std::byte filled_with) {
  constexpr std::size_t guard_bytes = 256;
  const std::size_t body_bytes = header.body_end - format::header_bytes;
  std::vector<std::byte> memory(body_bytes + guard_bytes, filled_with);
  const auto done = format::unpack_body(object, header, std::span(memory).first(body_bytes));
  VARVE_INVARIANT(std::ranges::all_of(std::span(memory).subspan(body_bytes),
                                      [&](std::byte each) { return each == filled_with; }));
  if (!done) {
    VARVE_INVARIANT(!done.error().message().empty());
    return std::nullopt;
  }
  memory.resize(body_bytes);
  return memory;
}

void read(fuzz::Input object, const format::Header& header) {
  const auto once = unpacked(object, header, std::byte{0x55});
  const auto again = unpacked(object, header, std::byte{0xaa});
  VARVE_INVARIANT(once == again);
}

/// Makes the blocks follow each other, and every checksum hold for what is there.
void mend(std::span<std::byte> object, const format::Header& header) {
  const auto trailer = object.subspan(header.packed_end);
  const std::size_t entries = format::index_entries(header.body_end);
  const std::size_t blocks = format::block_count(header);
  std::uint64_t begin = format::header_bytes;
  for (std::size_t i = 0; i < blocks; ++i) {
    const auto at = trailer.subspan((entries + i) * 8, 8);
    const auto said = format::field_at<std::uint32_t>(at, 0);
    // Where it says, if that can be; so that what was sound but for its checksums is sound again.
    const std::uint64_t least = i + 1 == blocks ? header.packed_end - 7 : begin + 1;
    const std::uint64_t from = std::min(std::max(least, begin), header.packed_end);
    const std::uint64_t end = std::clamp<std::uint64_t>(said, from, header.packed_end);
    format::FieldWriter entry(at);
    entry.field(static_cast<std::uint32_t>(end));
    entry.field(format::crc32c(object.subspan(begin, end - begin)));
    begin = end;
  }
  std::ranges::fill(object.subspan(begin, header.packed_end - begin), std::byte{0});
  const std::size_t covered = (entries + blocks) * 8 + 4;
  format::FieldWriter(trailer.subspan(covered - 4)).field(static_cast<std::uint32_t>(entries));
  format::FieldWriter rest(trailer.subspan(covered));
  rest.field(format::crc32c(trailer.first(covered)));
  rest.bytes(std::as_bytes(std::span(format::end_magic)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < format::header_bytes) return 0;
  std::vector<std::byte> input = fuzz::copy_of(fuzz::input_of(data, size));
  const auto header = header_of(input);
  if (!header) return 0;
  const auto object = std::span(input).first(header->object_bytes);
  read(object, *header);
  mend(object, *header);
  read(object, *header);
  return 0;
}
