// The 256 bytes at the front of every object: what it is, and the log's key state when it was made.
// Byte by byte: docs/format.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "format/codec.h"
#include "varve/result.h"

namespace varve {

/// An object's place in the log.
using Seq = std::uint64_t;

}  // namespace varve

namespace varve::format {

/// A random 128-bit name: of a log (drawn by its first seal) or of a writer (drawn at each open).
struct Id {
  std::array<std::uint8_t, 16> bytes{};

  friend bool operator==(const Id&, const Id&) = default;
};
[[nodiscard]] std::string to_hex(const Id& id);

enum class Kind : std::uint16_t {
  data = 1,  ///< records
  seal = 2,  ///< starts an epoch, fences the one before
};

/// W is 1 to this.
inline constexpr std::uint32_t max_window = 1024;

/// No object is longer: positions in it are 32 bits wide.
inline constexpr std::uint64_t max_object_bytes = 0xffff'ffff;

/// A compressed body is cut into blocks of 2^`block_log2` bytes.
inline constexpr std::uint32_t block_log2_min = 16;
inline constexpr std::uint32_t block_log2_max = 24;

/// No body that is compressed has more bytes before that: who reads one knows what to expect.
inline constexpr std::uint64_t packed_body_bytes_max = std::uint64_t{128} << 20;

/// Bits of `Header::flags`, whose meaning every reader of version 1 knows.
namespace flag {
/// DATA: its writer ended here of its own will; nothing of its epoch follows.
inline constexpr std::uint32_t closing = 1U << 0;
/// SEAL: placed ahead of the tail to stop a fast writer. Ends an epoch like any seal, but owns
/// nothing: no object ever carries its seq as epoch, and `previous_hash` and `first_offset` are 0.
inline constexpr std::uint32_t ahead = 1U << 1;
/// SEAL: the object before it was `closing`, so it fences nobody and may go with a trim.
inline constexpr std::uint32_t fences_nobody = 1U << 2;
/// SEAL, not ahead: the log goes on in a mirror of it, which this seal was copied to. Nobody opens it here.
inline constexpr std::uint32_t retired = 1U << 3;
/// SEAL, not ahead: what was a mirror up to here is a log of its own from here on.
inline constexpr std::uint32_t promoted = 1U << 4;
}  // namespace flag

struct Header {
  Kind kind = Kind::data;
  std::uint32_t flags = 0;
  Id log_id;
  Id writer_id;
  Seq seq = 0;
  Seq epoch = 0;            ///< DATA: the seq of the seal that its writer owns the log by. SEAL: its own
  Offset first_offset = 0;  ///< of this object's first record; with none, of the next one
  std::uint32_t record_count = 0;
  std::uint32_t window = 0;        ///< W, the same in every object of a log
  std::uint64_t body_end = 0;      ///< records, or the seal's body, are bytes [header_bytes, body_end),
                                   ///< of the object as it is before it is compressed
  std::uint64_t object_bytes = 0;  ///< the whole object, trailer included

  // What the writer knew when it made this header.
  Offset start_offset = 0;    ///< the log's start
  Seq lowest_live = 0;        ///< nothing at or above this seq has been deleted; <= anchor
  Seq anchor = 0;             ///< the newest chain object known to be stored with all before it
  Seq durable_seq = 0;        ///< the place after `anchor`: every chain object below is stored
  Offset durable_offset = 0;  ///< the first offset at `durable_seq`

  std::uint64_t previous_hash = 0;        ///< `hash_of` the header before it in the chain; 0 for the first
  std::int64_t created_unix_ms = 0;       ///< when the batch was closed; the writer's clock
  std::int64_t first_append_unix_ms = 0;  ///< when its first record came; 0 without records

  Codec codec = Codec::none;
  std::uint32_t block_log2 = 0;  ///< 0 with `Codec::none`
  std::uint64_t packed_end = 0;  ///< blocks are bytes [header_bytes, packed_end); 0 with `Codec::none`

  /// Where the trailer of DATA begins.
  [[nodiscard]] std::uint64_t stored_end() const { return codec == Codec::none ? body_end : packed_end; }
  [[nodiscard]] bool has(std::uint32_t bit) const { return (flags & bit) != 0; }
  [[nodiscard]] Offset end_offset() const { return first_offset + record_count; }

  friend bool operator==(const Header&, const Header&) = default;
};

inline constexpr std::size_t header_bytes = 256;

/// Lays `header` out, checksum included. It must be one that `decode_header` takes.
void encode_header(const Header& header, std::span<std::byte, header_bytes> out);

/// Reads the header at the front of `object` (which may be just the header). Errors: `corruption`
/// (too short, checksum, impossible values), `foreign` (not Varve's), `unsupported` (newer version
/// or a required flag this code does not know).
Result<Header> decode_header(std::span<const std::byte> object);

/// What the next header in the chain carries as `previous_hash`: CRC-64 over the encoded header.
/// It ties objects together against mix-ups, not against forgery.
[[nodiscard]] std::uint64_t hash_of(const Header& header);

}  // namespace varve::format
