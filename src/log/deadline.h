// Until when somebody waits.
#pragma once

#include <chrono>

#include "base/clock.h"

namespace varve::log {

using Deadline = std::chrono::steady_clock::time_point;

/// `timeout` from now, or the far end of time where that would overflow.
[[nodiscard]] inline Deadline deadline_after(std::chrono::milliseconds timeout) {
  const Deadline now = base::now();
  const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::max() - now);
  return timeout >= most ? Deadline::max() : now + timeout;
}

}  // namespace varve::log
