// How an object's header, a checkpoint and a cursor say what they are: the part that no version will change.
//
//   0  magic, 8 bytes
//   8  u16 version
//   ...
//   last 4 bytes: CRC-32C of all before
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "varve/result.h"

namespace varve::format {

using Magic = std::array<std::uint8_t, 8>;

// As in PNG (RFC 2083, 12.11): a byte that no text begins with, the name, and a line end that
// shows a transfer that rewrote it.
inline constexpr Magic object_magic{0x89, 'V', 'A', 'R', 'V', 'E', '\r', '\n'};
inline constexpr Magic checkpoint_magic{0x89, 'V', 'A', 'R', 'C', 'P', '\r', '\n'};

inline constexpr Magic cursor_magic{0x89, 'V', 'A', 'R', 'C', 'U', '\r', '\n'};

inline constexpr std::uint16_t format_version = 1;

/// What is wrong with `bytes`, all of an envelope that should begin with `magic`; `what` names it
/// in the message. Errors: `corruption` (too short, checksum), `foreign`, `unsupported` (version).
std::optional<Error> check_envelope(std::span<const std::byte> bytes, const Magic& magic,
                                    std::string_view what);

/// Ends an envelope: puts the checksum of all before into the last 4 bytes.
void finish_envelope(std::span<std::byte> bytes);

/// The errors for what only a newer program can have written, as the checksum holds.
Error unknown_required_flags(std::string_view what, std::uint32_t flags);
Error unknown_codec(std::uint32_t codec);
Error reserved_bytes_used(std::string_view what);

}  // namespace varve::format
