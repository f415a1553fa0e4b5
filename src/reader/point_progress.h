// What a point reader has done, counted for a read at a time.
#pragma once

#include <atomic>
#include <cstdint>

#include "varve/metrics.h"

namespace varve::reader {

/// Counted by the threads that read, read by any. Each number is on its own, so all accesses are relaxed.
class alignas(64) PointProgress {
 public:
  void found(std::uint64_t bytes) noexcept {
    add(records_, 1);
    add(record_bytes_, bytes);
  }
  void failed() noexcept { add(failures_, 1); }
  void knew_object() noexcept { add(cache_hits_, 1); }
  void searched() noexcept { add(searches_, 1); }
  void looked() noexcept { add(looks_, 1); }
  void damaged() noexcept { add(checksum_failures_, 1); }

  /// Into the fields that are known here.
  void fill(PointReaderMetrics& metrics) const {
    metrics.records = records_.load(std::memory_order_relaxed);
    metrics.record_bytes = record_bytes_.load(std::memory_order_relaxed);
    metrics.failures = failures_.load(std::memory_order_relaxed);
    metrics.cache_hits = cache_hits_.load(std::memory_order_relaxed);
    metrics.searches = searches_.load(std::memory_order_relaxed);
    metrics.looks = looks_.load(std::memory_order_relaxed);
    metrics.checksum_failures = checksum_failures_.load(std::memory_order_relaxed);
  }

 private:
  using Counter = std::atomic<std::uint64_t>;
  static void add(Counter& counter, std::uint64_t value) noexcept {
    counter.fetch_add(value, std::memory_order_relaxed);
  }

  Counter records_{0};
  Counter record_bytes_{0};
  Counter failures_{0};
  Counter cache_hits_{0};
  Counter searches_{0};
  Counter looks_{0};
  Counter checksum_failures_{0};
};

}  // namespace varve::reader
