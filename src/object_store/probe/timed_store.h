// A store asked with patience, not for ever: requests that are waited for until they take too long.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "object_store/blocking.h"
#include "varve/store.h"

namespace varve::object_store {

/// Not thread-safe. The store must outlive it; an answer that comes too late touches nothing of it.
class TimedStore {
 public:
  TimedStore(Store& store, std::chrono::milliseconds patience) : store_(store), patience_(patience) {}

  Result<void> create(std::string key, Bytes body) {
    const object_store::Answer<void> answer;
    store_.put_if_absent(std::move(key), std::move(body), answer.done());
    return wait(answer);
  }

  Result<void> put(std::string key, Bytes body) {
    const object_store::Answer<void> answer;
    store_.put(std::move(key), std::move(body), answer.done());
    return wait(answer);
  }

  Result<Bytes> get(std::string key, ByteRange range = {}) {
    const object_store::Answer<Bytes> answer;
    store_.get(std::move(key), range, answer.done());
    return wait(answer);
  }

  Result<Listing> list(std::string prefix, std::string after = {}, std::uint32_t limit = 1000) {
    const object_store::Answer<Listing> answer;
    store_.list(std::move(prefix), std::move(after), limit, answer.done());
    return wait(answer);
  }

  Result<std::vector<RemoveFailure>> remove(std::vector<std::string> keys) {
    const object_store::Answer<std::vector<RemoveFailure>> answer;
    store_.remove(std::move(keys), answer.done());
    return wait(answer);
  }

  /// `timed_out` if it takes too long from now on.
  template <class T>
  Result<T> wait(const object_store::Answer<T>& answer) const {
    if (auto result = answer.wait_until(base::now() + patience_)) return *std::move(result);
    return too_slow();
  }

  [[nodiscard]] Error too_slow() const {
    return Error(Code::timed_out, store_.describe() + ": a request had no answer after " +
                                      std::to_string(patience_.count()) + " ms")
        .with_outcome(WriteOutcome::unknown);
  }

  [[nodiscard]] Store& store() const { return store_; }
  [[nodiscard]] std::chrono::milliseconds patience() const { return patience_; }

 private:
  Store& store_;
  std::chrono::milliseconds patience_;
};

}  // namespace varve::object_store
