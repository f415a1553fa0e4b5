// What a reader has done, counted for an object at a time.
#pragma once

#include <cstdint>

#include "base/counter.h"
#include "varve/metrics.h"

namespace varve::read {

/// Counted by the thread that reads, read by any.
class alignas(64) Progress {
 public:
  /// The first record wanted is at `offset`.
  void begins(Offset offset) noexcept { offset_.set(offset); }
  /// An object is begun: `records` of it are wanted, the first one at `offset`.
  void begun(Offset offset, std::uint64_t records, std::uint64_t object_bytes) noexcept {
    offset_.set(offset);
    records_.add(records);
    objects_.add();
    object_bytes_.add(object_bytes);
  }
  void damaged() noexcept { checksum_failures_.add(); }
  /// So often by now the log was looked at, and nothing new was at its tail.
  void walked(std::uint64_t looks, std::uint64_t polls) noexcept {
    looks_.set(looks);
    polls_.set(polls);
  }

  /// Into the fields that are known here.
  void fill(ReaderMetrics& metrics) const {
    metrics.offset = offset_.value();
    metrics.records = records_.value();
    metrics.objects = objects_.value();
    metrics.object_bytes = object_bytes_.value();
    metrics.checksum_failures = checksum_failures_.value();
    metrics.polls = polls_.value();
    metrics.refreshes = looks_.value();
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
