// What a point reader has done, counted for a read at a time.
#pragma once

#include <cstdint>

#include "base/counter.h"
#include "varve/metrics.h"

namespace varve::read {

/// Counted by the threads that read, read by any.
class alignas(64) PointProgress {
 public:
  void found(std::uint64_t bytes) noexcept {
    records_.add();
    record_bytes_.add(bytes);
  }
  void failed() noexcept { failures_.add(); }
  void knew_object() noexcept { cache_hits_.add(); }
  void searched() noexcept { searches_.add(); }
  void looked() noexcept { looks_.add(); }
  void damaged() noexcept { checksum_failures_.add(); }

  /// Into the fields that are known here.
  void fill(PointReaderMetrics& metrics) const {
    metrics.records = records_.value();
    metrics.record_bytes = record_bytes_.value();
    metrics.failures = failures_.value();
    metrics.cache_hits = cache_hits_.value();
    metrics.searches = searches_.value();
    metrics.refreshes = looks_.value();
    metrics.checksum_failures = checksum_failures_.value();
  }

 private:
  base::Counter records_;
  base::Counter record_bytes_;
  base::Counter failures_;
  base::Counter cache_hits_;
  base::Counter searches_;
  base::Counter looks_;
  base::Counter checksum_failures_;
};

}  // namespace varve::read
