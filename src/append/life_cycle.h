// From a writer's opening to its end: which phase its upload loop is in, and waiting for the end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "base/condition.h"
#include "base/thread.h"

namespace varve::append {

class LifeCycle {
 public:
  enum class Phase : std::uint8_t {
    running,           ///< uploads, and after a failure what is left to be told
    stopping_standby,  ///< nothing more is uploaded; the standby ends its work
    telling,           ///< the last callbacks run
    ended,
  };

  // The upload loop's thread.

  [[nodiscard]] Phase phase() const { return phase_; }
  void enter(Phase phase) {
    phase_ = phase;
    if (phase == Phase::ended) change([this] { ended_ = true; });
  }
  /// `held`: the writer has failed, and cannot end, for records are claimed and not committed.
  void set_held(bool held) {
    if (held != held_) change([&] { held_ = held; });
  }
  /// Somebody who closes the writer waits until then.
  void close_by(base::TimePoint deadline) { close_deadline_ = std::min(close_deadline_, deadline); }
  /// The next phase, for as long as nobody waits for the end in vain.
  void stop_standby(base::TimePoint deadline) {
    standby_deadline_ = std::min(deadline, close_deadline_);
    enter(Phase::stopping_standby);
  }
  [[nodiscard]] base::TimePoint standby_deadline() const { return standby_deadline_; }

  /// Marks the thread that takes a step of the loop, for as long as it lives.
  class Step {
   public:
    explicit Step(LifeCycle& life) : life_(life) { life_.set_stepped_by(base::Thread::current()); }
    ~Step() { life_.set_stepped_by({}); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    LifeCycle& life_;
  };

  // Any thread.

  /// Whether it has ended by `deadline`.
  [[nodiscard]] bool wait_for_end(base::TimePoint deadline) const;
  /// Returns when it has ended, or is held.
  void wait_for_end_or_held() const;
  [[nodiscard]] bool ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }
  [[nodiscard]] bool is_stepped_by_this_thread() const {
    const std::lock_guard lock(mutex_);
    return stepped_by_ == base::Thread::current();
  }
  [[nodiscard]] bool held() const {
    const std::lock_guard lock(mutex_);
    return held_;
  }

 private:
  void set_stepped_by(base::Thread::Id thread) {
    const std::lock_guard lock(mutex_);
    stepped_by_ = thread;
  }
  template <class Change>
  void change(const Change& change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  Phase phase_ = Phase::running;
  base::TimePoint close_deadline_ = base::TimePoint::max();
  base::TimePoint standby_deadline_{};
  mutable std::mutex mutex_;
  mutable base::Condition changed_;
  base::Thread::Id stepped_by_;
  bool ended_ = false;
  bool held_ = false;
};

}  // namespace varve::append
