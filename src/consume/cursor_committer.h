// A consumer's cursor, moved on by its one owner, over a store that may leave it in doubt.
#pragma once

#include <optional>
#include <utility>

#include "varve/cursor.h"
#include "varve/reader.h"

namespace varve::consume {

/// Not thread-safe.
class CursorCommitter {
 public:
  CursorCommitter(const Cursors& cursors, Cursor cursor) : cursors_(cursors), cursor_(std::move(cursor)) {}

  /// All below is committed.
  [[nodiscard]] Offset offset() const { return cursor_.offset; }

  /// Where it moves to; without a mark, that is looked up.
  struct Target {
    Offset offset = 0;
    std::optional<ReadMark> mark = {};
  };
  /// Moves it. Errors: `fenced`, for good: somebody else has moved or removed the cursor; others pass.
  Result<void> move(const Target& target);

 private:
  /// Finds out whether the move that had no answer was made. False: nobody has moved the cursor.
  Result<bool> settle();
  Result<void> try_move(const Target& target);

  Cursors cursors_;
  Cursor cursor_;                   // as far as known
  std::optional<Target> in_doubt_;  // a move there had no answer, and may still be made
};

}  // namespace varve::consume
