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

/// Where a named reader has come to: its reader has finished every record below `offset`.
struct Cursor {
  std::string name;
  Offset offset = 0;
  std::int64_t moved_unix_ms = 0;  ///< by the clock of who moved it last
  std::uint64_t revision = 0;      ///< grows with each move; for compare-and-set

  /// False: the store's object cannot be read, so `offset` and `moved_unix_ms` are not known, and 0. Only
  /// `Cursors::list` and `RetentionPlan` have such cursors.
  bool readable = true;
  /// Why the cursor cannot be relied on, and what to do. Only set where `readable` may be false. Codes:
  /// `corruption`, `unsupported` (its object is damaged, or a newer program's); `foreign` (it is another
  /// log's, or of another history of this one: an older copy of the log was restored and written on);
  /// `out_of_range` (it is beyond the log's end).
  std::optional<Error> problem = {};
};

struct ReadMark;  // varve/reader.h

struct CursorOptions {
  /// How long one request is tried again after errors that may pass. 0: for ever.
  std::uint32_t give_up_ms = 60'000;
};

/// The cursors of one log. A cursor is moved forward only, by any number of processes at once: each
/// move is an object of its own, named by its revision, and the newest one counts. That needs no more
/// of the store than a log does: create-if-absent (docs/protocol.md, Cursors).
///
/// A move binds the cursor to the history of the log that its offset is in. Where an older copy of the log
/// was restored and written on, the cursor is recognised as one of another history. (An older Varve did not
/// bind cursors. The next move binds such a cursor. Until then only an offset beyond the log's end is
/// noticed.)
///
/// Costs: `get` a LIST, a GET and a look at the log (some ten requests); a move two LISTs, two GETs, a PUT
/// and a look at the log. `advance` with a mark: a PUT and a LIST.
///
/// Thread-safe. Every function blocks until the store has answered.
class Cursors {
 public:
  /// Looks at the log, which must exist. Errors: as `Reader::open`.
  static Result<Cursors> open(LogAddress log, CursorOptions options = {});

  // Copies are cheap, and no move leaves one behind that has no log.
  Cursors(const Cursors&) noexcept = default;
  Cursors& operator=(const Cursors&) noexcept = default;
  ~Cursors() = default;

  /// A name is 1 to 128 letters, digits, '-', '_' and '.', not beginning with '.'. Errors everywhere:
  /// `invalid_argument` for another; for a cursor that cannot be relied on those of `Cursor::problem`;
  /// `denied`, `unavailable`, `timed_out`. One bad cursor keeps no other from being used.

  /// Errors: `not_found`.
  Result<Cursor> get(std::string_view name) const;

  /// All of them, by name, also those that cannot be relied on: see `Cursor::problem`.
  Result<std::vector<Cursor>> list() const;

  /// Moves `name` to `offset`, and creates it if there is none; where it stands already nothing is
  /// written. Errors: `out_of_range` if it is further (the valid range begins where it is), or if the log
  /// does not reach that far (the valid range is the log's).
  Result<Cursor> set(std::string_view name, Offset offset) const;

  /// Moves a cursor that is still as `last` says. Errors: `fenced` if somebody else has moved or
  /// removed it since (who is told so should stop working under that name); `out_of_range` as `set`.
  /// On `unavailable` or `timed_out` the move may have been made or not: `get` tells.
  /// One that cannot be read (`Cursor::readable`) is replaced.
  Result<Cursor> advance(const Cursor& last, Offset offset) const;

  /// The same, to where a reader is (`Reader::mark`), which saves the look at the log.
  Result<Cursor> advance(const Cursor& last, const ReadMark& done) const;

  /// Removes it, also one that cannot be relied on; a small object stays, or a mover that slept could bring
  /// the cursor back. Nothing happens if there is none.
  Result<void> remove(std::string_view name) const;

  /// Removes a cursor that is still as `last` says. Errors: as `advance`.
  Result<void> remove(const Cursor& last) const;

 private:
  class Impl;
  explicit Cursors(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace varve
