// SIGINT (Ctrl-C) and SIGTERM: the first ends the work in order, the second ends the process.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "cli/wakeup.h"

namespace varve::cli {

/// Make it before any other thread: threads inherit the mask by which it takes the signals over.
/// Until `defer` they end the process as usual.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// From now on the first signal calls `on_signal` (once, on another thread) instead.
  void defer(std::function<void()> on_signal);

  /// The deferred signal; 0 when there was none.
  [[nodiscard]] int signal() const noexcept { return signal_.load(std::memory_order_acquire); }

  /// Ends the process by the signal, as one that does not handle it would: a shell then knows that
  /// it was interrupted, and stops the script too.
  [[noreturn]] static void end_by(int signal);

 private:
  void watch();
  void take(int signal);

  int signals_fd_;
  Wakeup quit_;
  std::atomic<bool> deferred_{false};
  std::atomic<int> signal_{0};
  std::function<void()> on_signal_;  // set before `deferred_`
  std::thread watcher_;
};

}  // namespace varve::cli
