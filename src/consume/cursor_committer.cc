#include "consume/cursor_committer.h"

#include <fmt/format.h>

#include "base/mutant.h"

namespace varve::consume {

// Whoever makes the very move that we tried stands where we stand: taking it for ours commits nothing that
// is not done. The next move tells the two of us apart.
Result<bool> CursorCommitter::settle() {
  auto now = cursors_.get(cursor_.name);
  if (now && now->revision == cursor_.revision) return false;
  if (now && now->revision == cursor_.revision + 1 && now->offset == in_doubt_->offset) {
    cursor_ = *std::move(now);
    in_doubt_.reset();
    return true;
  }
  if (!now && now.error().code() != Code::not_found) return now.error();
  return Error(Code::fenced, fmt::format("cursor '{}' was moved or removed by somebody else meanwhile: two "
                                         "consumers work under one name; end one of them",
                                         cursor_.name));
}

// One advance, and what became of it.
Result<void> CursorCommitter::try_move(const Target& target) {
  auto moved =
      target.mark ? cursors_.advance(cursor_, *target.mark) : cursors_.advance(cursor_, target.offset);
  if (moved) {
    cursor_ = *std::move(moved);
    in_doubt_.reset();
    return {};
  }
  const Code code = moved.error().code();
  if (code == Code::fenced && in_doubt_) {
    // The move in doubt may have been made only now, and have won against its own repetition.
    const auto settled = settle();
    if (!settled) return settled.error();
    if (*settled) return {};
  }
  const bool unknown = code != Code::fenced && code != Code::out_of_range;
  if (unknown && !mutated(Mutant::doubt_forgotten)) in_doubt_ = target;
  return moved.error();
}

Result<void> CursorCommitter::move(const Target& target) {
  if (in_doubt_) {
    // The same again, and only then another: of two moves in doubt nobody could say which was made.
    const auto settled = settle();
    if (!settled) return settled.error();
    if (!*settled) {
      if (const auto repeated = try_move(Target(*in_doubt_)); !repeated) return repeated;
    }
  }
  return try_move(target);
}

}  // namespace varve::consume
