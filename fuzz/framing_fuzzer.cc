// Any bytes as the command's input, in every framing: the same records however the bytes arrive, and
// framed again they are the same bytes. The first byte says in which pieces they come.
#include "cli/framing.h"

#include <algorithm>
#include <optional>

#include "base/invariant.h"
#include "fuzz/input.h"

namespace {

using namespace varve;
using cli::Framing;

struct Cut {
  std::vector<std::vector<std::byte>> records;
  std::optional<std::string> error;

  friend bool operator==(const Cut&, const Cut&) = default;
};

Cut cut(Framing framing, fuzz::Input input, std::size_t piece) {
  Cut result;
  cli::RecordCutter cutter(framing);
  const cli::RecordSink sink = [&result](std::span<const std::byte> record) {
    result.records.push_back(fuzz::copy_of(record));
    return true;
  };
  while (!input.empty() && !result.error) {
    const std::vector<std::byte> part = fuzz::copy_of(input.first(std::min(piece, input.size())));
    input = input.subspan(part.size());
    if (const auto fed = cutter.feed(part, sink); !fed) result.error = fed.error().message();
  }
  if (result.error) return result;
  if (const auto end = cutter.finish(sink); !end) result.error = end.error().message();
  return result;
}

std::string framed_again(Framing framing, const Cut& cut) {
  std::string out;
  for (const auto& record : cut.records) {
    cli::append_frame_head(framing, record.size(), out);
    out += fuzz::text_of(record);
    out += cli::frame_tail(framing);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = std::size_t{1} + data[0] % 16;
  const fuzz::Input input = fuzz::input_of(data, size).subspan(1);
  for (const Framing framing : {Framing::lines, Framing::length, Framing::file}) {
    const Cut whole = cut(framing, input, size);
    VARVE_INVARIANT(cut(framing, input, piece) == whole);
    if (whole.error) continue;
    std::string again = framed_again(framing, whole);
    // A last line needs no newline; it gets one.
    const bool open_end = framing == Framing::lines && !input.empty() && input.back() != std::byte{'\n'};
    if (open_end) again.pop_back();
    VARVE_INVARIANT(again == fuzz::text_of(input));
  }
  return 0;
}
