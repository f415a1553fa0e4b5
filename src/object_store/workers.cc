#include "object_store/workers.h"

#include <utility>

#include "base/invariant.h"
#include "base/thread.h"

namespace varve::object_store {

namespace {

// A worker may still run when the program exits: for a writer that was destroyed in its callback.
const Error& immortal(Error error) {
  return *new Error(std::move(error));  // NOLINT(cppcoreguidelines-owning-memory)
}

}  // namespace

Workers::Workers(std::size_t threads) {
  threads_.reserve(threads);
  try {
    for (std::size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { run_or_end_process("a store's requests", [this] { work(); }); });
    }
  } catch (...) {
    stop();  // those that were started
    throw;
  }
}

Workers::~Workers() { stop(); }

void Workers::submit(Request request) {
  static const Error& full =
      immortal({Code::unavailable, "the store has too many requests waiting; try again later"});
  static const Error& closed = immortal({Code::closed, "the store is closed"});
  const Error* refusal = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      refusal = &closed;
    } else if (queue_.size() >= queue_max) {
      refusal = &full;
    } else {
      queue_.push_back(std::move(request));
    }
  }
  if (refusal) {
    request(refusal);  // NOLINT(bugprone-use-after-move): moved from only if not refused
  } else {
    wakeup_.notify_one();
  }
}

void Workers::work() {
  static const Error& closed =
      immortal({Code::closed, "the store was closed before this request's turn came"});
  std::unique_lock lock(mutex_);
  while (true) {
    wakeup_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const bool refuse = stopping_;
    Request request = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    request(refuse ? &closed : nullptr);
    request = nullptr;
    lock.lock();
  }
}

void Workers::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakeup_.notify_all();
  for (base::Thread& thread : threads_) {
    // A `done` that drops the last reference to its store would have the store wait for itself.
    VARVE_INVARIANT(thread.id() != base::Thread::current());
    thread.join();
  }
  threads_.clear();
}

}  // namespace varve::object_store
