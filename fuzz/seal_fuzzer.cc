// Any bytes as a SEAL object, as they are and with lengths and checksums that hold: what is taken for
// one is encoded as the same bytes again.
#include "format/seal.h"

#include "base/invariant.h"
#include "format/crc.h"
#include "format/envelope.h"
#include "format/fields.h"
#include "fuzz/input.h"

namespace {

using namespace varve;

constexpr std::size_t kind_at = 10;
constexpr std::size_t body_end_at = 88;
constexpr std::size_t checksum_bytes = 4;

void read(fuzz::Input object) {
  const Result<format::Header> header = format::decode_header(object);
  if (!header || header->kind != format::Kind::seal) return;
  const Result<format::SealBody> body = format::decode_seal(object, *header);
  if (!body) {
    VARVE_INVARIANT(!body.error().message().empty());
    return;
  }
  VARVE_INVARIANT(std::ranges::equal(format::encode_seal(*header, *body), object));
}

/// Else nothing random would get past header and checksum.
void mend(std::span<std::byte> object) {
  format::FieldWriter(object.subspan(kind_at)).field(static_cast<std::uint16_t>(format::Kind::seal));
  format::FieldWriter lengths(object.subspan(body_end_at));
  lengths.field<std::uint64_t>(object.size());
  lengths.field<std::uint64_t>(object.size());
  format::finish_envelope(object.first(format::header_bytes));
  const std::uint32_t of_header = format::crc32c(object.first(format::header_bytes - checksum_bytes));
  const auto body = object.subspan(format::header_bytes);
  format::FieldWriter(body.last(checksum_bytes))
      .field(format::crc32c(body.first(body.size() - checksum_bytes), of_header));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> object = fuzz::copy_of(fuzz::input_of(data, size));
  read(object);
  if (size < format::header_bytes + checksum_bytes) return 0;
  mend(object);
  read(object);
  return 0;
}
