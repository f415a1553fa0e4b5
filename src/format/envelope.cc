#include "format/envelope.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutant.h"
#include "format/crc.h"
#include "format/fields.h"

namespace varve::format {
namespace {

constexpr std::size_t smallest = sizeof(Magic) + sizeof(format_version) + crc32c_bytes;

}  // namespace

std::optional<Error> check_envelope(std::span<const std::byte> bytes, const Magic& magic,
                                    std::string_view what) {
  if (bytes.size() < smallest) {
    return Error(Code::corruption, fmt::format("the {} is cut off after {} bytes", what, bytes.size()));
  }
  if (!std::ranges::equal(bytes.first(magic.size()), std::as_bytes(std::span(magic)))) {
    return Error(Code::foreign, fmt::format("this is no Varve {}: it begins with other bytes", what));
  }
  const auto covered = bytes.first(bytes.size() - crc32c_bytes);
  const auto stored = field_at<std::uint32_t>(bytes, covered.size());
  const std::uint32_t computed = crc32c(covered);
  if (stored != computed && !mutated(Mutant::header_crc_unchecked)) {
    return Error(Code::corruption,
                 fmt::format("the {} is damaged: its checksum is {:#010x}, its bytes give {:#010x}", what,
                             stored, computed));
  }
  const auto version = field_at<std::uint16_t>(bytes, magic.size());
  if (version > format_version) {
    return Error(Code::unsupported,
                 fmt::format("the {} has format version {}, this program knows up to {}: upgrade it", what,
                             version, format_version));
  }
  if (version == 0) return Error(Code::corruption, fmt::format("the {} has format version 0", what));
  return std::nullopt;
}

void finish_envelope(std::span<std::byte> bytes) {
  const auto covered = bytes.first(bytes.size() - crc32c_bytes);
  FieldWriter(bytes.last(crc32c_bytes)).field(crc32c(covered));
}

Error unknown_required_flags(std::string_view what, std::uint32_t flags) {
  return {Code::unsupported,
          fmt::format("the {} needs features this program does not know (required flags {:#x}): upgrade it",
                      what, flags)};
}

Error unknown_codec(std::uint32_t codec) {
  return {Code::unsupported,
          fmt::format("the object's body has codec {}, which this program does not know: upgrade it", codec)};
}

Error reserved_bytes_used(std::string_view what) {
  return {
      Code::unsupported,
      fmt::format("the {} uses bytes that version {} reserves: a newer program wrote it, upgrade this one",
                  what, format_version)};
}

}  // namespace varve::format
