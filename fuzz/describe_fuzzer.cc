// Any bytes as an object that somebody looks at (`varve dump`): told in words, whatever they are. The
// header's checksum is made to hold, so that body, index and seal are looked at, too.
#include "base/invariant.h"
#include "format/envelope.h"
#include "format/header.h"
#include "fuzz/input.h"
#include "varve/inspect.h"

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> object = fuzz::copy_of(fuzz::input_of(data, size));
  VARVE_INVARIANT(!describe_object(object).empty());
  if (size < format::header_bytes) return 0;
  format::finish_envelope(std::span(object).first(format::header_bytes));
  VARVE_INVARIANT(describe_object(object).ends_with('\n'));
  return 0;
}
