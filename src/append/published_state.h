// What the upload loop has said last of a writer's state and of what it counts.
#pragma once

#include <cstdint>
#include <mutex>
#include <utility>

#include "varve/writer.h"

namespace varve::append {

/// Thread-safe.
class PublishedState {
 public:
  explicit PublishedState(std::uint64_t truncated_objects) : truncated_objects_(truncated_objects) {}

  void set(WriterStatus status, std::uint64_t degradations) {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    degradations_ = degradations;
  }

  [[nodiscard]] WriterStatus status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }
  void fill(WriterMetrics& metrics) const {
    const std::lock_guard lock(mutex_);
    metrics.truncated_tail_objects = truncated_objects_;
    metrics.degradations = degradations_;
  }

 private:
  const std::uint64_t truncated_objects_;
  mutable std::mutex mutex_;
  WriterStatus status_;
  std::uint64_t degradations_ = 0;
};

}  // namespace varve::append
