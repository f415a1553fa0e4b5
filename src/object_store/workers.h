// A few threads that run requests: for stores whose requests block or compute.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "base/condition.h"
#include "base/no_memory.h"
#include "base/thread.h"
#include "varve/store.h"

namespace varve::object_store {

/// Thread-safe, but for `stop`, which belongs to the destructor of the owner.
class Workers {
 public:
  /// How many requests may wait for a thread. Far above any writer's window and reader's
  /// read-ahead; one more is refused as `unavailable` rather than held in memory.
  static constexpr std::size_t queue_max = 16'384;

  explicit Workers(std::size_t threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Calls `work()` on a worker and `done` with what it returned. Refused requests (the queue is
  /// full, or the store is being destroyed) get the reason instead; `work` then never runs.
  template <class T, class Work>
  void run(Store::Done<T> done, Work work) {
    submit([done = std::move(done), work = std::move(work)](const Error* refusal) mutable {
      Result<T> result = with_memory(
          [&, last_use = std::move(work)]() mutable { return refusal ? Result<T>(*refusal) : last_use(); });
      // What `work` held, a body above all, is let go by now: the caller may reuse it in `done`.
      done(std::move(result));
    });
  }

  /// Lets running requests end, answers waiting ones with `closed`, and joins the threads.
  void stop();

 private:
  /// Runs the request, or answers it with the refusal.
  using Request = std::function<void(const Error* refusal)>;

  void submit(Request request);
  void work();

  std::mutex mutex_;
  base::Condition wakeup_;
  std::deque<Request> queue_;
  bool stopping_ = false;
  std::vector<base::Thread> threads_;
};

}  // namespace varve::object_store
