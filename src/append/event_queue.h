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
#include "base/executor.h"
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
  /// `task` takes the events: it is woken when one comes, until `close`.
  void wakes(base::Executor::Task& task) {
    const std::lock_guard lock(mutex_);
    task_ = &task;
    task.wake();
  }

  /// False: nobody listens any more, and nothing has happened. Throws when there is no memory; `event` then
  /// is as it was.
  bool post(LoopEvent&& event) {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    events_.push_back(std::move(event));
    wake();
    return true;
  }

  /// As `post` of a `CloseCommand`, for a destructor: it needs no memory.
  bool post_close(log::Deadline deadline) noexcept {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    close_by_ = std::min(deadline, close_by_.value_or(deadline));
    wake();
    return true;
  }

  /// Something changed that is seen elsewhere: wake up and look.
  void nudge() noexcept {
    const std::lock_guard lock(mutex_);
    wake();
  }

  /// All events that have come.
  std::vector<LoopEvent> take() {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    if (const auto deadline = std::exchange(close_by_, {})) events_.push_back(CloseCommand{*deadline});
    return std::exchange(events_, {});
  }

  /// The loop has ended. Returns what it has not heard of.
  std::vector<LoopEvent> close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    task_ = nullptr;
    return std::exchange(events_, {});
  }

 private:
  void wake() noexcept {
    if (task_ == nullptr || std::exchange(woken_, true)) return;
    task_->wake();
  }

  std::mutex mutex_;
  std::vector<LoopEvent> events_;
  std::optional<log::Deadline> close_by_;
  base::Executor::Task* task_ = nullptr;
  bool woken_ = false;  // and has not taken the events since
  bool closed_ = false;
};

}  // namespace varve::append
