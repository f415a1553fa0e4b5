// What a reader has done, counted for an object at a time.
#pragma once

#include <cstdint>

#include "base/counter.h"
#include "varve/metrics.h"

namespace varve::read {

/// Counted by the thread that reads, read by any.
class alignas(64) Progress {
 public:
  explicit Progress(Offset first) : offset_(first) {}

  /// An object is begun: `records` of it are wanted, the first one at `offset`.
  void begun(Offset offset, std::uint64_t records, std::uint64_t object_bytes) noexcept {
    offset_.set(offset);
    records_.add(records);
    objects_.add();
    object_bytes_.add(object_bytes);
  }
  void damaged() noexcept { checksum_failures_.add(); }
  void polled() noexcept { polls_.add(); }
  void looked() noexcept { looks_.add(); }

  /// Into the fields that are known here.
  void fill(ReaderMetrics& metrics) const {
    metrics.offset = offset_.value();
    metrics.records = records_.value();
    metrics.objects = objects_.value();
    metrics.object_bytes = object_bytes_.value();
    metrics.checksum_failures = checksum_failures_.value();
    metrics.polls = polls_.value();
    metrics.looks = looks_.value();
  }

 private:
  base::Counter offset_;
  base::Counter records_;
  base::Counter objects_;
  base::Counter object_bytes_;
  base::Counter checksum_failures_;
  base::Counter polls_;
  base::Counter looks_;
};

}  // namespace varve::read
