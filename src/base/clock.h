// The time. Nothing else in the library asks the system for it (`make check-style`).
#pragma once

#include <cstdint>

#include "base/scheduler.h"

namespace varve::base {

/// Monotonic time.
[[nodiscard]] inline TimePoint now() {
  if (Scheduler* const simulated = Scheduler::current(); simulated != nullptr) [[unlikely]]
    return simulated->now();
  return Clock::now();
}

/// Milliseconds since 1970, as this machine's wall clock shows them: it may be wrong, and may jump.
[[nodiscard]] std::int64_t unix_ms();

}  // namespace varve::base
