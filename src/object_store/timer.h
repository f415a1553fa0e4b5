// One thread that does things when it is time.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>

#include "base/condition.h"
#include "base/thread.h"

namespace varve::object_store {

/// Thread-safe, but for `stop`, which belongs to the owner's destructor. Unbounded: its owner bounds
/// what it asks for.
class Timer {
 public:
  using Clock = std::chrono::steady_clock;

  Timer();
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Calls `action` on the timer's thread at `due`, or as soon as possible after. It must be quick
  /// and must not throw. After `stop` it is dropped.
  void at(Clock::time_point due, std::function<void()> action);

  /// Drops what is not due, and joins the thread.
  void stop();

 private:
  void work();

  std::mutex mutex_;
  base::Condition changed_;
  std::multimap<Clock::time_point, std::function<void()>> actions_;
  bool stopping_ = false;
  base::Thread thread_;
};

}  // namespace varve::object_store
