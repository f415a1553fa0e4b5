// Who is told that a thread waits for another one: an executor, whose thread is then missing for other tasks.
#pragma once

#include "base/scheduler.h"

namespace varve::base {

class WaitObserver {
 public:
  virtual ~WaitObserver() = default;
  /// The calling thread begins to wait, and holds locks of its own.
  virtual void waits() noexcept = 0;
  virtual void goes_on() noexcept = 0;

  /// Of the calling thread; null where nobody wants to know.
  [[nodiscard]] static WaitObserver* current() noexcept {
    return static_cast<WaitObserver*>(Scheduler::local());
  }

  /// Observes the calling thread for as long as it lives.
  class Scope {
   public:
    explicit Scope(WaitObserver* observer) : before_(Scheduler::local()) { Scheduler::local() = observer; }
    ~Scope() { Scheduler::local() = before_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    void* before_;
  };
};

/// For as long as it lives, the calling thread waits.
class Waiting {
 public:
  Waiting() noexcept : observer_(WaitObserver::current()) {
    if (observer_ != nullptr) observer_->waits();
  }
  ~Waiting() {
    if (observer_ != nullptr) observer_->goes_on();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  WaitObserver* observer_;
};

}  // namespace varve::base
