// The newest objects of a source, handed to its mirror out of the memory of the writer that has just stored
// them: no GET, and no waiting for one.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>

#include "base/condition.h"
#include "format/header.h"
#include "log/deadline.h"
#include "varve/store.h"

namespace varve::replicate {

/// Thread-safe: the writer on one side, the mirror's one thread on the other. Bounded by the writer's
/// buffers.
class HandOffQueue {
 public:
  /// `copies`: the mirror gets bytes of its own, so that it holds nothing of the writer's buffers for longer
  /// than the writer lets it.
  explicit HandOffQueue(bool copies) : copies_(copies) {}

  // The writer. ----------------------------------------------------------------------------------

  /// The objects from `from` on will be handed over. They follow one another without a gap.
  void hand_from(Seq from);
  /// The source has it now, with all before it. Ignored after `let_go`.
  void hand(Seq seq, Bytes object);
  /// Nothing more is handed over: let it be fetched.
  void let_go();

  // The mirror. ----------------------------------------------------------------------------------

  /// Whether `seq` is here, or will be.
  [[nodiscard]] bool reaches(Seq seq) const;
  /// Whether everything that was handed over has been taken.
  [[nodiscard]] bool empty() const;
  /// The object `seq`, once; what lies before it is forgotten. Nothing when `deadline` or `stop` came first,
  /// or it will not come.
  std::optional<Bytes> take(Seq seq, log::Deadline deadline, const std::stop_token& stop);

 private:
  const bool copies_;
  mutable std::mutex mutex_;
  base::StoppableCondition changed_;
  std::optional<Seq> front_;  // the place of the first of `objects_`, or of the next that will come
  std::deque<Bytes> objects_;
};

}  // namespace varve::replicate
