// A cursor's moves: its newest one, and making the next (docs/protocol.md, Cursors).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "consume/revisions.h"
#include "format/cursor.h"
#include "log/deadline.h"
#include "varve/store.h"

namespace varve::consume {

using format::CursorMove;
using log::Deadline;

/// Thread-safe; blocks. Names must be cursors' names.
class Moves {
 public:
  Moves(LogAddress log, format::Id log_id) : log_(std::move(log)), log_id_(log_id) {}

  /// The newest move of a cursor, and the revisions that were listed (that one last). Nothing: it never was.
  struct Newest {
    CursorMove move;
    std::vector<std::uint64_t> revisions;
  };
  Result<std::optional<Newest>> newest(std::string_view name, Deadline deadline) const;
  /// The same, of a cursor whose revisions have just been listed.
  Result<std::optional<Newest>> newest(std::string_view name, std::vector<std::uint64_t> listed,
                                       Deadline deadline) const;

  /// Which revisions all cursors have.
  Result<Revisions> list_all(Deadline deadline) const;

  /// A move that nobody has made yet.
  [[nodiscard]] CursorMove draw(Offset offset, std::uint64_t revision) const;

  /// Whether `move` became the cursor's newest: false if its revision was taken, or had been passed.
  Result<bool> make(std::string_view name, const CursorMove& move, Deadline deadline) const;

  /// What the cursor is to become, from what it is; nothing if it shall stay.
  using Decide = std::function<Result<std::optional<CursorMove>>(const std::optional<Newest>&)>;
  /// Asks `decide` until its wish comes true; returns the cursor's newest move.
  Result<CursorMove> change(std::string_view name, const Decide& decide, Deadline deadline) const;

  /// Deletes what newer moves have made useless. It may fail: the next move tries again.
  void forget(std::string_view name, const std::vector<std::uint64_t>& revisions, std::uint64_t below) const;

 private:
  Result<Revisions> list(const std::string& prefix, Deadline deadline) const;
  Result<CursorMove> read(std::string_view name, std::uint64_t revision, Deadline deadline) const;
  [[nodiscard]] std::string where(std::string_view name, std::uint64_t revision) const;

  LogAddress log_;
  format::Id log_id_;
};

}  // namespace varve::consume
