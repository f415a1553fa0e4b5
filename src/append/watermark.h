// How far the log is durable, for whoever waits for it.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>

#include "base/condition.h"
#include "varve/result.h"

namespace varve::append {

/// Thread-safe.
class Watermark {
 public:
  explicit Watermark(Offset durable) : durable_(durable) {}

  void advance(Offset durable) {
    const std::lock_guard lock(mutex_);
    durable_ = durable;
    moved_.notify_all();
  }

  /// It will not move any more. The first reason counts.
  void end(const Error& reason) {
    const std::lock_guard lock(mutex_);
    if (!ending_) ending_ = reason;
    moved_.notify_all();
  }

  /// Until it reaches `offset`. Errors: the end's reason, `timed_out`.
  Result<void> wait(Offset offset, std::chrono::milliseconds timeout) const;

  [[nodiscard]] Offset durable() const {
    const std::lock_guard lock(mutex_);
    return durable_;
  }
  [[nodiscard]] std::optional<Error> ending() const {
    const std::lock_guard lock(mutex_);
    return ending_;
  }

 private:
  mutable std::mutex mutex_;
  mutable base::Condition moved_;
  Offset durable_;
  std::optional<Error> ending_;
};

}  // namespace varve::append
