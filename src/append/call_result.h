// The result of a call that one thread makes and another carries out. Neither depends on the other: the
// caller stops waiting at its deadline, and who carries the call out may be done later, or never.
#pragma once

#include <mutex>
#include <optional>
#include <utility>

#include "base/condition.h"
#include "log/deadline.h"
#include "varve/result.h"

namespace varve::append {

/// Thread-safe.
template <class T>
class CallResult {
 public:
  /// The first counts.
  void set(Result<T> result) {
    const std::lock_guard lock(mutex_);
    if (!result_) result_ = std::move(result);
    is_set_.notify_all();
  }

  /// Nothing: not set before `deadline`.
  [[nodiscard]] std::optional<Result<T>> wait_until(log::Deadline deadline) {
    std::unique_lock lock(mutex_);
    const auto set = [this] { return result_.has_value(); };
    is_set_.wait_until(lock, deadline, set);
    return result_;
  }

 private:
  std::mutex mutex_;
  base::Condition is_set_;
  std::optional<Result<T>> result_;
};

}  // namespace varve::append
