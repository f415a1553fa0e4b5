// The calls a decorator has taken and not answered: so that it can answer them when it is destroyed
// while the store below, which may have other users, goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/condition.h"
#include "varve/store.h"

namespace varve::object_store {

/// Thread-safe. Outlived by the wrappers it made, which then do nothing.
class OpenCalls {
 public:
  /// A `done` for the store below: passes the first answer on, unless `close` was quicker.
  template <class T>
  [[nodiscard]] Store::Done<T> add(Store::Done<T> done) {
    auto shared = std::make_shared<Store::Done<T>>(std::move(done));
    const std::uint64_t id = state_->insert([shared](const Error& error) { (*shared)(error); });
    return [state = state_, shared = std::move(shared), id](Result<T> result) {
      if (!state->begin_answer(id)) return;
      (*shared)(std::move(result));
      *shared = nullptr;
      state->end_answer();
    };
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(state_->mutex);
    return state_->open.size();
  }

  /// Waits until every call has been answered and its `done` has returned. Not from within a `done`.
  void wait() {
    std::unique_lock lock(state_->mutex);
    state_->idle.wait(lock, [this] { return state_->answering == 0 && state_->open.empty(); });
  }

  /// Answers all that are open with `closed` (what they did is unknown), and waits for answers
  /// that are being given. Not from within a `done`.
  void close() {
    const Error closed =
        Error(Code::closed, "the store was closed before it answered").with_outcome(WriteOutcome::unknown);
    std::unique_lock lock(state_->mutex);
    const auto open = std::exchange(state_->open, {});
    lock.unlock();
    for (const auto& [id, answer] : open) answer(closed);
    lock.lock();
    state_->idle.wait(lock, [this] { return state_->answering == 0; });
  }

 private:
  struct State {
    std::mutex mutex;
    base::Condition idle;
    std::uint64_t next_id = 0;
    std::size_t answering = 0;
    std::unordered_map<std::uint64_t, std::function<void(const Error&)>> open;

    std::uint64_t insert(std::function<void(const Error&)> answer) {
      const std::lock_guard lock(mutex);
      open.emplace(next_id, std::move(answer));
      return next_id++;
    }
    bool begin_answer(std::uint64_t id) {
      const std::lock_guard lock(mutex);
      if (open.erase(id) == 0) return false;
      ++answering;
      return true;
    }
    void end_answer() {
      const std::lock_guard lock(mutex);
      if (--answering == 0) idle.notify_all();
    }
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace varve::object_store
