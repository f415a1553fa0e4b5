// What the engine has sent, for whoever asks from another thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "store/request_kind.h"
#include "varve/metrics.h"

namespace varve::store::s3 {

/// Counted by the engine's thread, read by any. Each number is on its own, so all accesses are relaxed.
class alignas(64) Effort {
 public:
  using Counter = std::atomic<std::uint64_t>;

  static void count(Counter& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

  void sent(RequestKind kind) noexcept {
    switch (kind) {
      case RequestKind::put_if_absent:
      case RequestKind::put:
        return count(puts_);
      case RequestKind::get:
        return count(gets_);
      case RequestKind::list:
        return count(lists_);
      case RequestKind::remove:
        return count(deletes_);
    }
  }

  Counter throttled{0};
  Counter failed{0};
  Counter credentials{0};
  Counter clock{0};
  Counter hedges{0};
  Counter hedges_won{0};

  [[nodiscard]] StoreMetrics snapshot() const {
    const auto now = [](const Counter& counter) { return counter.load(std::memory_order_relaxed); };
    return {.sent = {.puts = now(puts_), .gets = now(gets_), .lists = now(lists_), .deletes = now(deletes_)},
            .retries_throttled = now(throttled),
            .retries_failed = now(failed),
            .retries_credentials = now(credentials),
            .retries_clock = now(clock),
            .hedges = now(hedges),
            .hedges_won = now(hedges_won)};
  }

 private:
  Counter puts_{0};
  Counter gets_{0};
  Counter lists_{0};
  Counter deletes_{0};
};

}  // namespace varve::store::s3
