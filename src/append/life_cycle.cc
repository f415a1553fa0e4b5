#include "append/life_cycle.h"

namespace varve::append {

bool LifeCycle::wait_for_end(base::TimePoint deadline) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline, [this] { return ended_; });
}

void LifeCycle::wait_for_end_or_held() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_ || held_; });
}

}  // namespace varve::append
