// A cursor's object: where a named reader of the log has come to. Each move of it is an object of its
// own, named by its revision; the newest counts. Byte by byte: docs/format.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "format/header.h"
#include "varve/result.h"

namespace varve::format {

struct CursorMove {
  std::uint64_t revision = 0;  ///< counted from 0
  Id log_id;
  Id mover_id;           ///< drawn for this move: who reads it back knows whose it is
  bool removed = false;  ///< the cursor is gone; a later move makes it anew
  Offset offset = 0;     ///< the first record that is still wanted
  std::int64_t moved_unix_ms = 0;

  friend bool operator==(const CursorMove&, const CursorMove&) = default;
};

inline constexpr std::size_t cursor_bytes = 96;

[[nodiscard]] std::vector<std::byte> encode_cursor(const CursorMove& move);

/// Errors: `corruption`, `foreign`, `unsupported`.
[[nodiscard]] Result<CursorMove> decode_cursor(std::span<const std::byte> bytes);

}  // namespace varve::format
