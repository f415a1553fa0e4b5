// Any bytes as a cursor's revision, as they are and with a checksum that holds: what is taken for one comes
// back the same, and says the same of its history.
#include "format/cursor.h"

#include "base/invariant.h"
#include "format/envelope.h"
#include "format/fields.h"
#include "fuzz/input.h"

namespace {

using namespace varve;

constexpr std::size_t optional_flags_at = 16;
constexpr std::size_t smallest = 32;

void read(fuzz::Input bytes) {
  const Result<format::CursorRevision> revision = format::decode_cursor(bytes);
  if (!revision) {
    VARVE_INVARIANT(!revision.error().message().empty());
    return;
  }
  const std::vector<std::byte> again = format::encode_cursor(*revision);
  VARVE_INVARIANT(format::decode_cursor(again).value() == *revision);
  const auto flags = format::field_at<std::uint32_t>(bytes, optional_flags_at);
  VARVE_INVARIANT(revision->history().has_value() == ((flags & 1) != 0));
  // Unknown optional flags are passed over, and so are lost.
  VARVE_INVARIANT(flags > 1 || std::ranges::equal(again, bytes));
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
