// Any bytes as a checkpoint, as they are and with a checksum that holds: what is taken for one comes
// back the same.
#include "format/checkpoint.h"

#include "base/invariant.h"
#include "format/crc.h"
#include "format/envelope.h"
#include "format/fields.h"
#include "fuzz/input.h"

namespace {

using namespace varve;

constexpr std::size_t optional_flags_at = 16;
constexpr std::size_t smallest = 32;

void read(fuzz::Input bytes) {
  const Result<format::Checkpoint> checkpoint = format::decode_checkpoint(bytes);
  if (!checkpoint) {
    VARVE_INVARIANT(!checkpoint.error().message().empty());
    return;
  }
  // A longer name is read, and not written.
  if (checkpoint->mirror && checkpoint->mirror->source.size() > format::max_source_bytes) return;
  const std::vector<std::byte> again = format::encode_checkpoint(*checkpoint);
  VARVE_INVARIANT(format::decode_checkpoint(again).value() == *checkpoint);
  // Unknown optional flags are passed over, and so are lost; likewise a mirror's, which stand so far before
  // the end.
  bool plain = format::field_at<std::uint32_t>(bytes, optional_flags_at) == 0;
  if (checkpoint->mirror) {
    const std::size_t behind = 3 * 8 + 2 + checkpoint->mirror->source.size() + format::crc32c_bytes;
    plain = plain && format::field_at<std::uint32_t>(bytes, bytes.size() - behind - 4) <= 1;
  }
  VARVE_INVARIANT(!plain || std::ranges::equal(again, bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> bytes = fuzz::copy_of(fuzz::input_of(data, size));
  read(bytes);
  if (size < smallest) return 0;
  format::finish_envelope(bytes);
  read(bytes);
  return 0;
}
