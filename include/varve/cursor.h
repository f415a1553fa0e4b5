// varve/cursor.h - named positions of a log's readers, kept in the store beside the log.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "varve/result.h"
#include "varve/store.h"

namespace varve {

/// Where a named reader has come to: every record below `offset` is done with.
struct Cursor {
  std::string name;
  Offset offset = 0;
  std::int64_t moved_unix_ms = 0;  ///< by the clock of who moved it last
  std::uint64_t revision = 0;      ///< grows with each move; for compare-and-set
};

struct CursorOptions {
  /// How long the store is asked again for one thing, while that fails in ways that may pass. 0: for ever.
  std::uint32_t give_up_ms = 60'000;
};

/// The cursors of one log. A cursor is moved forward only, by any number of processes at once: each
/// move is an object of its own, named by its revision, and the newest one counts. That needs no more
/// of the store than a log does: create-if-absent (docs/protocol.md, Cursors). Costs: `get` a LIST and
/// a GET; a move two LISTs, a GET and a PUT, or with the cursor's last state in hand (`advance`) a PUT
/// and a LIST.
///
/// Thread-safe. Every function blocks until the store has answered.
class Cursors {
 public:
  /// Looks at the log, which must exist. Errors: as `Reader::open`.
  static Result<Cursors> open(LogAddress log, CursorOptions options = {});

  /// A name is 1 to 128 letters, digits, '-', '_' and '.', not beginning with '.'. Errors everywhere:
  /// `invalid_argument` for another; `foreign` (a cursor of a log that stood here before), `corruption`,
  /// `unsupported`, `denied`, `unavailable`, `timed_out`.

  /// Errors: `not_found`.
  Result<Cursor> get(std::string_view name) const;

  /// All of them, by name.
  Result<std::vector<Cursor>> list() const;

  /// Moves `name` to `offset`, and creates it if there is none; where it stands already nothing is
  /// written. Errors: `out_of_range` if it is further (the valid range begins where it is).
  Result<Cursor> set(std::string_view name, Offset offset) const;

  /// Moves a cursor that is still as `last` says. Errors: `fenced` if somebody else has moved or
  /// removed it since (who is told so should stop working under that name); `out_of_range` as `set`.
  /// On `unavailable` or `timed_out` the move may have been made or not: `get` tells.
  Result<Cursor> advance(const Cursor& last, Offset offset) const;

  /// Removes it; a small object stays, or a mover that slept could bring the cursor back. Nothing
  /// happens if there is none.
  Result<void> remove(std::string_view name) const;

  /// Removes a cursor that is still as `last` says. Errors: as `advance`.
  Result<void> remove(const Cursor& last) const;

 private:
  class Impl;
  explicit Cursors(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace varve
