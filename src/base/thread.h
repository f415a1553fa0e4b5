// Threads of the library's own: the system's, or a simulator's fibers.
#pragma once

#include <functional>
#include <thread>

#include "base/scheduler.h"

namespace varve::base {

/// As std::thread: joined before it is destroyed or assigned to.
class Thread {
 public:
  /// Names a thread, for comparison.
  struct Id {
    std::thread::id real = {};
    Scheduler::FiberId simulated = 0;
    friend bool operator==(const Id&, const Id&) = default;
  };

  Thread() = default;
  /// Throws `std::system_error` where the system has no thread to give.
  explicit Thread(std::function<void()> body);
  Thread(Thread&& other) noexcept;
  Thread& operator=(Thread&& other) noexcept;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread();

  [[nodiscard]] bool joinable() const noexcept { return real_.joinable() || simulated_ != 0; }
  /// Waits until the body has returned. Not from the thread itself.
  void join();
  /// The thread goes on by itself.
  void detach();
  [[nodiscard]] Id id() const noexcept { return {real_.get_id(), simulated_}; }

  /// The calling thread.
  [[nodiscard]] static Id current() noexcept;
  /// How many cores there are for threads: 1 or more.
  [[nodiscard]] static unsigned cores() noexcept;

 private:
  std::thread real_;
  Scheduler::FiberId simulated_ = 0;
};

/// Returns at `time` or soon after.
void sleep_until(TimePoint time);

}  // namespace varve::base
