#include "base/clock.h"

namespace varve::base {

std::int64_t unix_ms() {
  if (Scheduler* const simulated = Scheduler::current(); simulated != nullptr) return simulated->unix_ms();
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace varve::base
