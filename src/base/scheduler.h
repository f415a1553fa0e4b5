// The seam between the library and the machine it runs on: time, threads and waiting.
//
// Production code has no scheduler: `base::now`, `base::Thread` and `base::Condition` go straight to the
// system. A simulator installs a scheduler on its one thread. From then on the same code, blocking loops
// included, runs on simulated time: each `base::Thread` is a fiber, and a fiber gives way only where it
// waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace varve::base {

using Clock = std::chrono::steady_clock;  // the type of a time; `now` (base/clock.h) tells the time
using TimePoint = Clock::time_point;

/// What a simulator implements. All calls come from the one thread on which it is installed.
class Scheduler {
 public:
  using FiberId = std::uint64_t;  // 0: none

  virtual ~Scheduler() = default;

  /// Monotonic.
  [[nodiscard]] virtual TimePoint now() = 0;
  /// What the wall clock of the running fiber's process shows. It may be wrong, and may jump.
  [[nodiscard]] virtual std::int64_t unix_ms() = 0;

  /// Starts a fiber in the process of the fiber that runs.
  virtual FiberId spawn(std::function<void()> body) = 0;
  [[nodiscard]] virtual FiberId running() const = 0;
  /// Whether that fiber's body has returned. A fiber ends with `wake(FiberId)` for those who wait for that.
  [[nodiscard]] virtual bool ended(FiberId fiber) const = 0;

  /// The running fiber waits until `wake` is called for `place`, or `until`. False: `until` came first.
  virtual bool wait(const void* place, TimePoint until) = 0;
  /// Wakes the fibers that wait at `place`: all of them, or the one that waits longest.
  virtual void wake(const void* place, bool all) = 0;
  /// What `wait` is called with by those who wait for the end of a fiber.
  [[nodiscard]] virtual const void* end_of(FiberId fiber) const = 0;

  /// A pointer of the running fiber, null at first.
  [[nodiscard]] virtual void*& fiber_local() = 0;
  /// Names the simulated process of the running fiber; no other process of this program's run has this name.
  [[nodiscard]] virtual std::uint64_t process_name() const = 0;

  /// The scheduler of the calling thread; null outside of simulations.
  [[nodiscard]] static Scheduler* current() noexcept { return current_; }
  /// Installs one on the calling thread; null removes it.
  static void install(Scheduler* scheduler) noexcept { current_ = scheduler; }

  /// A pointer of the calling thread, or fiber, null at first. See `WaitObserver`.
  [[nodiscard]] static void*& local() noexcept {
    return current_ == nullptr ? local_ : current_->fiber_local();
  }
  /// Names the simulated process; 0 outside of simulations.
  [[nodiscard]] static std::uint64_t process() noexcept {
    return current_ == nullptr ? 0 : current_->process_name();
  }

 private:
  static constinit thread_local Scheduler* current_;  // NOLINT(readability-identifier-naming): private
  static constinit thread_local void* local_;         // NOLINT(readability-identifier-naming): private
};

}  // namespace varve::base
