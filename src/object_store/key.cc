#include "object_store/key.h"

#include <fmt/format.h>

#include <algorithm>

namespace varve::object_store {
namespace {

/// How many bytes the well-formed UTF-8 sequence at the front of `text` has (RFC 3629, section 4);
/// 0 if it is none.
std::size_t utf8_sequence_bytes(std::string_view text) {
  const auto byte = [&](std::size_t at) -> unsigned {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  const auto continues = [&](std::size_t at, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(at) >= low && byte(at) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const unsigned low = lead == 0xe0 ? 0xa0 : 0x80;   // no overlong forms
    const unsigned high = lead == 0xed ? 0x9f : 0xbf;  // no surrogates
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const unsigned low = lead == 0xf0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xf4 ? 0x8f : 0xbf;  // nothing above U+10FFFF
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

/// What is wrong with `key`; empty if nothing.
std::string_view flaw_of(std::string_view key) {
  if (key.empty()) return "it is empty";
  if (key.size() > max_key_bytes) return "it is longer than 1024 bytes";
  for (std::string_view rest = key; !rest.empty();) {
    const std::size_t bytes = utf8_sequence_bytes(rest);
    if (bytes == 0) return "it is not UTF-8";
    if (static_cast<unsigned char>(rest[0]) < 0x20 || rest[0] == 0x7f) return "it has a control character";
    rest.remove_prefix(bytes);
  }
  for (std::size_t at = 0; at <= key.size();) {
    const std::size_t end = std::min(key.find('/', at), key.size());
    const std::string_view part = key.substr(at, end - at);
    if (part.empty()) return "it has an empty part";
    if (part == "." || part == "..") return "it has a '.' or '..' part";
    at = end + 1;
  }
  return {};
}

}  // namespace

Result<void> check_key(std::string_view key) {
  const std::string_view flaw = flaw_of(key);
  if (flaw.empty()) return {};
  return Error(Code::invalid_argument, fmt::format("'{:.100}' is no object's key: {}", key, flaw));
}

Result<void> check_limit(std::uint32_t limit) {
  if (limit >= 1 && limit <= max_listed) return {};
  return Error(Code::invalid_argument,
               fmt::format("a list of {} objects: 1 to {} may be asked for", limit, max_listed));
}

Result<void> check_key_count(std::size_t count) {
  if (count <= max_removed) return {};
  return Error(Code::invalid_argument,
               fmt::format("a removal of {} keys: at most {} may be given at once", count, max_removed));
}

}  // namespace varve::object_store
