// The body of a SEAL object: who sealed, and the epochs before.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/epochs.h"

namespace varve::format {

/// No SEAL object is longer.
inline constexpr std::size_t max_seal_bytes = std::size_t{64} << 10;

struct SealBody {
  EpochHistory history;  ///< seals before this one; empty in an `ahead` seal, which cannot know
  std::string host;      ///< at most 255 bytes
  std::uint64_t pid = 0;

  friend bool operator==(const SealBody&, const SealBody&) = default;
};

/// A whole SEAL object. Sets `body_end` and `object_bytes` of `header` itself; keeps the newest
/// `max_epochs` of the history.
[[nodiscard]] std::vector<std::byte> encode_seal(Header header, const SealBody& body);

/// What the encoded object's header says, lengths included: for its hash.
[[nodiscard]] Header seal_header(Header header, const SealBody& body);

/// The body of a SEAL object; `object` is all of it. Errors: `corruption`.
Result<SealBody> decode_seal(std::span<const std::byte> object, const Header& header);

}  // namespace varve::format
