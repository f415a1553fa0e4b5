// What a reader has done, counted for an object at a time.
#pragma once

#include <atomic>
#include <cstdint>

#include "varve/metrics.h"

namespace varve::reader {

/// Counted by the thread that reads, read by any. Each number is on its own, so all accesses are relaxed.
class alignas(64) Progress {
 public:
  explicit Progress(Offset first) : offset_(first) {}

  /// An object is begun: `records` of it are wanted, the first one at `offset`.
  void begun(Offset offset, std::uint64_t records, std::uint64_t object_bytes) noexcept {
    offset_.store(offset, std::memory_order_relaxed);
    add(records_, records);
    add(objects_, 1);
    add(object_bytes_, object_bytes);
  }
  void damaged() noexcept { add(checksum_failures_, 1); }
  void polled() noexcept { add(polls_, 1); }
  void looked() noexcept { add(looks_, 1); }

  /// Into the fields that are known here.
  void fill(ReaderMetrics& metrics) const {
    metrics.offset = offset_.load(std::memory_order_relaxed);
    metrics.records = records_.load(std::memory_order_relaxed);
    metrics.objects = objects_.load(std::memory_order_relaxed);
    metrics.object_bytes = object_bytes_.load(std::memory_order_relaxed);
    metrics.checksum_failures = checksum_failures_.load(std::memory_order_relaxed);
    metrics.polls = polls_.load(std::memory_order_relaxed);
    metrics.looks = looks_.load(std::memory_order_relaxed);
  }

 private:
  using Counter = std::atomic<std::uint64_t>;
  static void add(Counter& counter, std::uint64_t value) noexcept {
    counter.fetch_add(value, std::memory_order_relaxed);
  }

  Counter offset_;
  Counter records_{0};
  Counter objects_{0};
  Counter object_bytes_{0};
  Counter checksum_failures_{0};
  Counter polls_{0};
  Counter looks_{0};
};

}  // namespace varve::reader
