// What the engine has sent, for whoever asks from another thread.
#pragma once

#include <cstdint>

#include "base/counter.h"
#include "object_store/request_kind.h"
#include "varve/metrics.h"

namespace varve::object_store::s3 {

/// Counted by the engine's thread, read by any.
class alignas(64) Effort {
 public:
  void sent(RequestKind kind) noexcept {
    switch (kind) {
      case RequestKind::put_if_absent:
      case RequestKind::put:
        return puts_.add();
      case RequestKind::get:
        return gets_.add();
      case RequestKind::list:
        return lists_.add();
      case RequestKind::remove:
        return deletes_.add();
    }
  }

  base::Counter throttled;
  base::Counter failed;
  base::Counter credentials;
  base::Counter clock;
  base::Counter hedges;
  base::Counter hedges_won;

  [[nodiscard]] StoreMetrics snapshot() const {
    return {.sent = {.puts = puts_.value(),
                     .gets = gets_.value(),
                     .lists = lists_.value(),
                     .deletes = deletes_.value()},
            .retries_throttled = throttled.value(),
            .retries_failed = failed.value(),
            .retries_credentials = credentials.value(),
            .retries_clock = clock.value(),
            .hedges = hedges.value(),
            .hedges_won = hedges_won.value()};
  }

 private:
  base::Counter puts_;
  base::Counter gets_;
  base::Counter lists_;
  base::Counter deletes_;
};

}  // namespace varve::object_store::s3
