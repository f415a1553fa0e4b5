// Any bytes as a checkpoint, as they are and with a checksum that holds: what is taken for one comes
// back the same.
#include "format/checkpoint.h"

#include "format/envelope.h"
#include "format/fields.h"
#include "fuzz/input.h"
#include "result/invariant.h"

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
  const std::vector<std::byte> again = format::encode_checkpoint(*checkpoint);
  VARVE_INVARIANT(format::decode_checkpoint(again).value() == *checkpoint);
  // Unknown optional flags are passed over, and so are lost.
  const bool plain = format::field_at<std::uint32_t>(bytes, optional_flags_at) == 0;
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
