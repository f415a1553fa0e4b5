// A consumer's cursor, moved on by its one owner, over a store that may leave it in doubt.
#pragma once

#include <optional>
#include <utility>

#include "varve/cursor.h"

namespace varve::consume {

/// Not thread-safe.
class CursorCommitter {
 public:
  CursorCommitter(Cursors cursors, Cursor cursor)
      : cursors_(std::move(cursors)), cursor_(std::move(cursor)) {}

  /// All below is committed.
  [[nodiscard]] Offset offset() const { return cursor_.offset; }

  /// Moves it. Errors: `fenced`, for good: somebody else has moved or removed the cursor; others pass.
  Result<void> move(Offset offset);

 private:
  /// Finds out whether the move that had no answer was made. False: nobody has moved the cursor.
  Result<bool> settle();
  Result<void> try_move(Offset offset);

  Cursors cursors_;
  Cursor cursor_;                   // as far as known
  std::optional<Offset> in_doubt_;  // a move there had no answer, and may still be made
};

}  // namespace varve::consume
