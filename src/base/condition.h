// Waiting for what another thread does: on the system, or on simulated time.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

#include "base/scheduler.h"
#include "base/wait_observer.h"

namespace varve::base {

/// As std::condition_variable, whose rules hold: the caller's lock is held when a call begins and when it
/// returns, and a wait without a predicate may return for no reason.
class Condition {
 public:
  void notify_one() noexcept {
    if (Scheduler* const simulated = Scheduler::current(); simulated != nullptr) [[unlikely]] {
      return simulated->wake(this, false);
    }
    real_.notify_one();
  }
  void notify_all() noexcept {
    if (Scheduler* const simulated = Scheduler::current(); simulated != nullptr) [[unlikely]] {
      return simulated->wake(this, true);
    }
    real_.notify_all();
  }

  void wait(std::unique_lock<std::mutex>& lock) { static_cast<void>(wait_until(lock, TimePoint::max())); }
  template <class Predicate>
  void wait(std::unique_lock<std::mutex>& lock, Predicate predicate) {
    while (!predicate()) wait(lock);
  }

  /// `TimePoint::max()` is for ever.
  std::cv_status wait_until(std::unique_lock<std::mutex>& lock, TimePoint until) {
    const Waiting observed;
    if (Scheduler::current() != nullptr) {
      return give_way(lock, until) ? std::cv_status::no_timeout : std::cv_status::timeout;
    }
    if (until != TimePoint::max()) return real_.wait_until(lock, until);
    real_.wait(lock);
    return std::cv_status::no_timeout;
  }
  /// Whether the predicate holds at the end.
  template <class Predicate>
  bool wait_until(std::unique_lock<std::mutex>& lock, TimePoint until, Predicate predicate) {
    while (!predicate()) {
      if (wait_until(lock, until) == std::cv_status::timeout) return predicate();
    }
    return true;
  }

 private:
  // Fibers give way nowhere else: between the two calls nobody can notify.
  bool give_way(std::unique_lock<std::mutex>& lock, TimePoint until) {
    lock.unlock();
    const bool notified = Scheduler::current()->wait(this, until);
    lock.lock();
    return notified;
  }

  std::condition_variable real_;
};

/// A condition whose waits a stop request ends, too, as with std::condition_variable_any.
class StoppableCondition {
 public:
  void notify_one() noexcept { notify(false); }
  void notify_all() noexcept { notify(true); }

  void wait(std::unique_lock<std::mutex>& lock) { static_cast<void>(wait_until(lock, TimePoint::max())); }
  template <class Predicate>
  void wait(std::unique_lock<std::mutex>& lock, Predicate predicate) {
    while (!predicate()) wait(lock);
  }
  std::cv_status wait_until(std::unique_lock<std::mutex>& lock, TimePoint until) {
    const Waiting observed;
    if (Scheduler::current() != nullptr) {
      return give_way(lock, until) ? std::cv_status::no_timeout : std::cv_status::timeout;
    }
    if (until != TimePoint::max()) return real_.wait_until(lock, until);
    real_.wait(lock);
    return std::cv_status::no_timeout;
  }
  template <class Predicate>
  bool wait_until(std::unique_lock<std::mutex>& lock, TimePoint until, Predicate predicate) {
    while (!predicate()) {
      if (wait_until(lock, until) == std::cv_status::timeout) return predicate();
    }
    return true;
  }

  /// Whether the predicate holds at the end.
  template <class Predicate>
  bool wait(std::unique_lock<std::mutex>& lock, const std::stop_token& stop, Predicate predicate) {
    return wait_until(lock, stop, TimePoint::max(), std::move(predicate));
  }
  template <class Predicate>
  bool wait_until(std::unique_lock<std::mutex>& lock, const std::stop_token& stop, TimePoint until,
                  Predicate predicate) {
    const Waiting observed;
    if (Scheduler::current() == nullptr) {
      if (until == TimePoint::max()) return real_.wait(lock, stop, std::move(predicate));
      return real_.wait_until(lock, stop, until, std::move(predicate));
    }
    const std::stop_callback wakes(stop, [this] { notify_all(); });
    while (!predicate()) {
      if (stop.stop_requested() || !give_way(lock, until)) return predicate();
    }
    return true;
  }

 private:
  void notify(bool all) noexcept {
    if (Scheduler* const simulated = Scheduler::current(); simulated != nullptr) [[unlikely]] {
      return simulated->wake(this, all);
    }
    if (all) return real_.notify_all();
    real_.notify_one();
  }
  bool give_way(std::unique_lock<std::mutex>& lock, TimePoint until) {
    lock.unlock();
    const bool notified = Scheduler::current()->wait(this, until);
    lock.lock();
    return notified;
  }

  std::condition_variable_any real_;
};

}  // namespace varve::base
