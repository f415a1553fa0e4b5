// What ties an offset to the history of its log: the running hash of an object that touches it. A position
// that is kept elsewhere (a cursor) carries it, so that it is not taken for a position in another history of
// the same log, as a restored copy has it (docs/protocol.md, Cursors).
//
// An object touches an offset if its records begin at or before it and end at or behind it. The mark is taken
// from the object that holds the record before the offset, and where that is trimmed, from what is at the
// offset.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/recovery_scan.h"
#include "protocol/search.h"

namespace varve::protocol {

/// How an offset with a mark stands to a log as it is now.
enum class HistoryVerdict : std::uint8_t {
  same,           ///< the log has the mark where it was taken
  other_history,  ///< the log has other records there
  beyond_end,     ///< the log does not reach that far: a history that it does not have
  untold,         ///< no mark, or what it was taken from is trimmed, lost or damaged
};

class HistoryMark {
 public:
  /// `view`: with history, made after the offset was read. `sought`: the mark to be looked for.
  HistoryMark(const LogState& view, Offset offset, std::optional<std::uint64_t> sought = {});

  Requests start();
  Requests on(const Reply& reply);
  [[nodiscard]] bool done() const { return done_; }

  /// Only when done. The offset's mark; nothing where it cannot be told: beyond the end, below the start, or
  /// next to lost objects.
  [[nodiscard]] std::optional<std::uint64_t> mark() const { return mark_; }
  [[nodiscard]] HistoryVerdict verdict() const { return verdict_; }
  /// The store's, or of a newer format: nothing is told.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  Requests on_found();
  Requests on_next(const Reply& reply);
  Requests walk_from(const Position& at, const format::Header& object);
  Requests look_on();
  Requests end(HistoryVerdict verdict);
  [[nodiscard]] bool found(std::uint64_t hash);

  Position tail_;
  Offset offset_;
  std::optional<std::uint64_t> sought_;
  bool before_start_;  // the log begins behind the record before the offset
  bool end_known_;     // else there may have been more that was acknowledged
  std::optional<Search> search_;
  Position next_;
  int walked_ = 0;
  std::optional<std::uint64_t> mark_;
  HistoryVerdict verdict_ = HistoryVerdict::untold;
  std::optional<Error> error_;
  bool done_ = false;
};

}  // namespace varve::protocol
