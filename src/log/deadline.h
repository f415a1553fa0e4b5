// Until when somebody waits.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace varve::log {

using Deadline = std::chrono::steady_clock::time_point;

/// `timeout` from now: now if it is negative, the far end of time where the sum would overflow.
[[nodiscard]] inline Deadline deadline_after(std::chrono::milliseconds timeout) {
  const Deadline now = base::now();
  const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::max() - now);
  return timeout >= most ? Deadline::max() : now + std::max(timeout, std::chrono::milliseconds(0));
}

/// Whether `deadline` is over.
[[nodiscard]] inline bool has_passed(Deadline deadline) { return base::now() >= deadline; }

}  // namespace varve::log
