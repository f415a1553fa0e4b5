// Asking a store and waiting for the answer: for tests, tools, and whoever has a thread to spare.
//
// These wait for as long as the store takes. Not to be called from a `done`.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/condition.h"
#include "varve/store.h"

namespace varve::object_store {

/// The answer to one request: hand `done()` to the store, then `wait()`. Copies share the answer.
template <class T>
class Answer {
 public:
  [[nodiscard]] Store::Done<T> done() const {
    return [state = state_](Result<T> result) {
      const std::lock_guard lock(state->mutex);
      state->result.emplace(std::move(result));
      state->arrived.notify_all();
    };
  }

  [[nodiscard]] bool ready() const {
    const std::lock_guard lock(state_->mutex);
    return state_->result.has_value();
  }

  [[nodiscard]] Result<T> wait() const {
    std::unique_lock lock(state_->mutex);
    state_->arrived.wait(lock, [this] { return state_->result.has_value(); });
    return *state_->result;
  }

  /// Nothing if the answer is not there by then.
  [[nodiscard]] std::optional<Result<T>> wait_until(std::chrono::steady_clock::time_point deadline) const {
    std::unique_lock lock(state_->mutex);
    state_->arrived.wait_until(lock, deadline, [this] { return state_->result.has_value(); });
    return state_->result;
  }

 private:
  struct State {
    std::mutex mutex;
    base::Condition arrived;
    std::optional<Result<T>> result;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

inline Result<void> put_if_absent_now(Store& store, std::string key, Bytes body) {
  const Answer<void> answer;
  store.put_if_absent(std::move(key), std::move(body), answer.done());
  return answer.wait();
}

inline Result<void> put_now(Store& store, std::string key, Bytes body) {
  const Answer<void> answer;
  store.put(std::move(key), std::move(body), answer.done());
  return answer.wait();
}

inline Result<Bytes> get_now(Store& store, std::string key, ByteRange range = {}) {
  const Answer<Bytes> answer;
  store.get(std::move(key), range, answer.done());
  return answer.wait();
}

/// One page.
inline Result<Listing> list_now(Store& store, std::string prefix, std::string after = {},
                                std::uint32_t limit = 1000) {
  const Answer<Listing> answer;
  store.list(std::move(prefix), std::move(after), limit, answer.done());
  return answer.wait();
}

/// All pages. Memory grows with the number of objects.
inline Result<std::vector<ListedObject>> list_all_now(Store& store, const std::string& prefix) {
  std::vector<ListedObject> objects;
  while (true) {
    auto page = list_now(store, prefix, objects.empty() ? std::string() : objects.back().key);
    if (!page) return page.error();
    for (ListedObject& object : page->objects) objects.push_back(std::move(object));
    if (!page->truncated) return objects;
  }
}

inline Result<std::vector<RemoveFailure>> remove_now(Store& store, std::vector<std::string> keys) {
  const Answer<std::vector<RemoveFailure>> answer;
  store.remove(std::move(keys), answer.done());
  return answer.wait();
}

}  // namespace varve::object_store
