// A cursor's object: where a named reader of the log has come to. Each move of it is an object of its
// own, named by its revision; the newest counts. Byte by byte: docs/format.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "format/header.h"
#include "varve/result.h"

namespace varve::format {

struct CursorRevision {
  std::uint64_t revision = 0;  ///< counted from 0
  Id log_id;
  Id mover_id;           ///< drawn for this revision: who reads it back knows whose it is
  bool removed = false;  ///< the cursor is gone; a later revision makes it anew
  Offset offset = 0;     ///< the first record that is still wanted
  std::int64_t moved_unix_ms = 0;
  bool bound = false;  ///< the first half of `mover_id` is the mark of the history that `offset` is in

  /// The mark (`protocol::HistoryMark`); nothing in a revision that is not bound to a history, as programs
  /// before it made them.
  [[nodiscard]] std::optional<std::uint64_t> history() const;
  /// Binds it. The other half of `mover_id` stays what was drawn.
  void bind(std::uint64_t history);

  friend bool operator==(const CursorRevision&, const CursorRevision&) = default;
};

inline constexpr std::size_t cursor_bytes = 96;

[[nodiscard]] std::vector<std::byte> encode_cursor(const CursorRevision& revision);

/// Errors: `corruption`, `foreign`, `unsupported`.
[[nodiscard]] Result<CursorRevision> decode_cursor(std::span<const std::byte> bytes);

}  // namespace varve::format
