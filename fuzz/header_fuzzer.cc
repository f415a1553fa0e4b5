// Any bytes as an object's header, as they are and with a checksum that holds: what is taken for one is
// encoded as the same bytes again.
#include "format/header.h"

#include "base/invariant.h"
#include "format/envelope.h"
#include "fuzz/input.h"

namespace {

using namespace varve;

void read(fuzz::Input bytes) {
  const Result<format::Header> header = format::decode_header(bytes);
  if (!header) {
    VARVE_INVARIANT(!header.error().message().empty());
    return;
  }
  std::array<std::byte, format::header_bytes> again{};
  format::encode_header(*header, again);
  VARVE_INVARIANT(std::ranges::equal(again, bytes.first(format::header_bytes)));
  VARVE_INVARIANT(header->end_offset() >= header->first_offset && header->seq + header->window > header->seq);
  VARVE_INVARIANT(header->stored_end() <= header->object_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> bytes = fuzz::copy_of(fuzz::input_of(data, size));
  read(bytes);
  if (size < format::header_bytes) return 0;
  format::finish_envelope(std::span(bytes).first(format::header_bytes));
  read(bytes);
  return 0;
}
