// What appending threads tell the upload loop: that a batch has its first record, or is complete.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "append/batching/batch_pool.h"
#include "append/event_queue.h"

namespace varve::append {

/// Thread-safe.
class BatchSignals final : public BatchListener {
 public:
  explicit BatchSignals(std::shared_ptr<EventQueue> events) : events_(std::move(events)) {}

  void first_record() noexcept override;
  void batch_ready() noexcept override;
  std::int64_t now_unix_ms() noexcept override;

  /// When the open batch had its first record; of the clock of `UploadLoop`.
  [[nodiscard]] std::uint64_t first_record_ms() const {
    return first_record_ms_.load(std::memory_order_relaxed);
  }

 private:
  const std::shared_ptr<EventQueue> events_;
  std::atomic<std::uint64_t> first_record_ms_{0};
};

/// Milliseconds of the steady clock.
[[nodiscard]] std::uint64_t steady_ms();

}  // namespace varve::append
