// A few threads for many tasks: each task is stepped whenever it has something to do, by one thread at a
// time.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "base/condition.h"
#include "base/thread.h"
#include "base/wait_observer.h"

namespace varve::base {

/// Thread-safe. A step should not wait. Where one waits nevertheless, on a `Condition`, another thread takes
/// its place meanwhile: so no task can keep the task from running that it waits for. A step that waits in
/// another way delays the tasks that no other thread is free for.
class Executor {
  class Threads;

 public:
  /// When a task is to be stepped again, unless it is woken before.
  struct Next {
    TimePoint at = TimePoint::max();
    bool ended = false;  ///< never again: the executor lets go of it
  };

  class Task {
   public:
    Task() = default;
    virtual ~Task() = default;
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;

    virtual Next step() = 0;

    /// Has it stepped soon, once more if it is being stepped. Any thread. No effect on a task that was not
    /// added, or has ended.
    void wake() noexcept;
    /// Returns when it has ended and the executor holds it no longer. Not in its step, and not before it was
    /// added.
    void wait_until_let_go();

   private:
    friend class Threads;
    using Timer = std::pair<TimePoint, Task*>;
    enum class State : std::uint8_t { idle, queued, stepping, woken, ended };

    // Of the executor, under its lock; `threads_` and `let_go_` are set once.
    std::shared_ptr<Threads> threads_;
    std::shared_ptr<bool> let_go_;
    std::shared_ptr<Task> self_;
    State state_ = State::ended;
    Task* next_in_queue_ = nullptr;
    std::set<Timer>::iterator timer_;         // while it is idle and has a time
    std::set<Timer>::node_type spare_timer_;  // otherwise
  };

  /// At most so many threads step tasks at once. They start when they are needed. `what` they do is in the
  /// message with which the process ends where a step throws.
  Executor(const char* what, unsigned threads_max);
  /// Waits for its threads if no task is left. Otherwise it does not wait: they end when the last task has.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Has it stepped soon. Throws when there is no memory, or no thread at all; it is not added then.
  void add(const std::shared_ptr<Task>& task);

  /// How many threads there are.
  [[nodiscard]] std::size_t threads() const;

 private:
  const std::shared_ptr<Threads> threads_;
};

}  // namespace varve::base
