// What the upload loop reacts to: answers of the store, and the commands of the writer's callers. The store's
// callbacks hold the queue, so that an answer may come after the writer has gone.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "append/call_result.h"
#include "base/condition.h"
#include "log/log_store.h"
#include "protocol/request.h"
#include "varve/writer.h"

namespace varve::append {

// Answers.
struct PutAnswered {
  Seq seq;
  std::optional<Error> error;
};
struct LookAnswered {
  Seq seq;
  Result<log::LogStore::Seen> found;
};
struct CheckpointAnswered {
  bool stored;
};
struct RequestAnswered {
  std::uint64_t ticket;
  protocol::Reply reply;
};

// Commands.
/// Upload everything below `offset` without waiting for company.
struct FlushCommand {
  Offset offset;
};
struct TrimCommand {
  Offset before;
  TrimOptions options;
  log::Deadline deadline;
  std::shared_ptr<CallResult<TrimReport>> result;
};
/// Nothing more is appended: upload the rest, and mark the last object as the end. What is not stored at the
/// deadline is given up.
struct CloseCommand {
  log::Deadline deadline;
};

using LoopEvent = std::variant<PutAnswered, LookAnswered, CheckpointAnswered, RequestAnswered, FlushCommand,
                               TrimCommand, CloseCommand>;

/// Thread-safe. Bounded by what is in flight: an event is the answer to one request, or the command of one
/// caller.
class EventQueue {
 public:
  /// False: nobody listens any more, and nothing has happened. Throws when there is no memory; `event` then
  /// is as it was.
  bool post(LoopEvent&& event) {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    events_.push_back(std::move(event));
    arrival_.notify_one();
    return true;
  }

  /// As `post` of a `CloseCommand`, for a destructor: it needs no memory.
  bool post_close(log::Deadline deadline) noexcept {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    close_by_ = std::min(deadline, close_by_.value_or(deadline));
    nudged_ = true;
    arrival_.notify_one();
    return true;
  }

  /// Something changed that is seen elsewhere: wake up and look.
  void nudge() {
    const std::lock_guard lock(mutex_);
    nudged_ = true;
    arrival_.notify_one();
  }

  /// Returns as soon as there is an event, or was a nudge, or at `deadline`.
  void wait(std::optional<base::TimePoint> deadline) {
    std::unique_lock lock(mutex_);
    const auto some = [this] { return nudged_ || !events_.empty(); };
    if (deadline) {
      arrival_.wait_until(lock, *deadline, some);
    } else {
      arrival_.wait(lock, some);
    }
  }

  /// All events that have come.
  std::vector<LoopEvent> take() {
    const std::lock_guard lock(mutex_);
    nudged_ = false;
    if (const auto deadline = std::exchange(close_by_, {})) events_.push_back(CloseCommand{*deadline});
    return std::exchange(events_, {});
  }

  /// The loop has ended. Returns what it has not heard of.
  std::vector<LoopEvent> close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  base::Condition arrival_;
  std::vector<LoopEvent> events_;
  std::optional<log::Deadline> close_by_;
  bool nudged_ = false;
  bool closed_ = false;
};

}  // namespace varve::append
