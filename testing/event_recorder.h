// For tests: what a writer says of itself while it runs.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

#include "varve/event.h"

namespace varve::append {

/// Keeps what it is told, and says when something comes.
class Recorder {
 public:
  EventCallback callback() {
    return [this](const Event& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
      came_.notify_all();
    };
  }
  [[nodiscard]] std::vector<EventKind> kinds() const {
    const std::lock_guard lock(mutex_);
    std::vector<EventKind> kinds;
    for (const Event& event : events_) {
      // A machine that is busy for seconds may bring these at any time.
      if (event.kind == EventKind::slowed_down || event.kind == EventKind::recovered) continue;
      kinds.push_back(event.kind);
    }
    return kinds;
  }
  [[nodiscard]] std::ptrdiff_t count(EventKind kind) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::count(events_, kind, &Event::kind);
  }
  [[nodiscard]] Event wait_for(EventKind kind) {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return first_locked(kind) != events_.end(); });
    return *first_locked(kind);
  }
  /// For at most 20 s.
  ::testing::AssertionResult waits_for(EventKind kind) {
    std::unique_lock lock(mutex_);
    const bool came =
        came_.wait_for(lock, std::chrono::seconds(20), [&] { return first_locked(kind) != events_.end(); });
    if (came) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << to_string(kind) << " was not told";
  }

 private:
  std::vector<Event>::const_iterator first_locked(EventKind kind) const {
    return std::ranges::find(events_, kind, &Event::kind);
  }

  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Event> events_;
};

}  // namespace varve::append
