// What the pilot has to hear: answers of the store, and the wishes of the writer's callers. Store
// callbacks keep it alive, so that an answer may come after the writer has gone.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "append/trimming.h"
#include "base/condition.h"
#include "log/log_store.h"
#include "protocol/request.h"
#include "varve/result.h"

namespace varve::append {

struct PutAnswered {
  Seq seq;
  std::optional<Error> error;
};
struct Looked {
  Seq seq;
  Result<log::LogStore::Seen> found;
};
struct CheckpointAnswered {
  bool stored;
};
struct SweepAnswered {
  std::uint64_t sweep_number;
  protocol::Reply reply;
};
/// Upload everything below `offset` without waiting for company.
struct FlushWish {
  Offset offset;
};
/// The caller of the trim waits no longer.
struct StopTrimWish {};
/// Nothing more is appended: upload the rest, the last one marked as the end.
struct CloseWish {};
/// The time to close is over.
struct AbandonWish {
  Error error;
};
using Letter = std::variant<PutAnswered, Looked, CheckpointAnswered, SweepAnswered, FlushWish, TrimWish,
                            StopTrimWish, CloseWish, AbandonWish>;

/// Thread-safe. Bounded by what is in flight: a letter is an answer to one request, or a wish.
class EventQueue {
 public:
  /// Throws when there is no memory; `letter` then is as it was.
  void post(Letter&& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    arrival_.notify_one();
  }

  /// Something changed that is seen elsewhere: wake up and look.
  void nudge() {
    const std::lock_guard lock(mutex_);
    nudged_ = true;
    arrival_.notify_one();
  }

  /// All letters, as soon as there is one, or a nudge, or at `deadline`.
  std::vector<Letter> take(std::optional<std::chrono::steady_clock::time_point> deadline) {
    std::unique_lock lock(mutex_);
    const auto some = [this] { return nudged_ || !events_.empty(); };
    if (deadline) {
      arrival_.wait_until(lock, *deadline, some);
    } else {
      arrival_.wait(lock, some);
    }
    nudged_ = false;
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  base::Condition arrival_;
  std::vector<Letter> events_;
  bool nudged_ = false;
};

}  // namespace varve::append
