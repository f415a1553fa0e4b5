// The epochs of a log's live part, and what belongs into each place by them.
#pragma once

#include "format/epochs.h"
#include "log/read_position.h"

namespace varve::maintain {

/// What belongs into a place below the tail.
enum class Slot : std::uint8_t { data, seal, in_void, unknown };

class EpochMap {
 public:
  /// Reads older seals if the view's history does not reach down to the lowest live object.
  static Result<EpochMap> load(const log::LogStore& log_store, const protocol::LogState& view,
                               const read::WaitLimit& patience);

  EpochMap(format::EpochHistory history, std::uint32_t window)
      : history_(std::move(history)), window_(window) {}

  /// `unknown` below the oldest epoch known.
  [[nodiscard]] Slot slot(Seq seq) const;
  [[nodiscard]] const format::EpochHistory& history() const { return history_; }

 private:
  format::EpochHistory history_;
  std::uint32_t window_;
};

}  // namespace varve::maintain
