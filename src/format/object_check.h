// Everything that can be said about one object from its bytes alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/header.h"
#include "format/seal.h"

namespace varve::maintain {

/// What is wrong with an object whose header is sound, and what it holds.
struct ObjectCheck {
  std::uint64_t records = 0;        ///< sound ones, up to the first that is not
  std::uint64_t payload_bytes = 0;  ///< of these
  std::uint64_t smallest = 0;       ///< payload, in bytes
  std::uint64_t largest = 0;
  std::optional<format::SealBody> seal;  ///< of a sound seal
  std::vector<std::string> damage;       ///< one sentence each; empty: sound
};

/// Checks all of `object`, whose header is `header`: every record, checksum and padding, the index
/// against the records, a seal's body, the length.
[[nodiscard]] ObjectCheck check_object(std::span<const std::byte> object, const format::Header& header);

}  // namespace varve::maintain
