#include "object_store/timer.h"

#include <utility>

#include "base/clock.h"
#include "base/invariant.h"
#include "base/no_memory.h"
#include "base/thread.h"

namespace varve::object_store {

Timer::Timer() : thread_([this] { run_or_end_process("a store's timer", [this] { work(); }); }) {}

Timer::~Timer() { stop(); }

void Timer::at(Clock::time_point due, std::function<void()> action) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  const auto added = actions_.emplace(due, std::move(action));
  if (added == actions_.begin()) changed_.notify_one();
}

void Timer::work() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (actions_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = actions_.begin();
    if (const Clock::time_point due = first->first; due > base::now()) {
      changed_.wait_until(lock, due);
      continue;
    }
    std::function<void()> action = std::move(first->second);
    actions_.erase(first);
    lock.unlock();
    action();
    action = nullptr;
    lock.lock();
  }
}

void Timer::stop() {
  std::multimap<Clock::time_point, std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(actions_);
  }
  changed_.notify_one();
  if (!thread_.joinable()) return;
  // An action that destroys the timer's owner would have it wait for itself.
  VARVE_INVARIANT(thread_.id() != base::Thread::current());
  thread_.join();
}

}  // namespace varve::object_store
