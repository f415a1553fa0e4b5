#include "read/wake_up.h"

#include <utility>

#include "base/mutant.h"

namespace varve::read {

void WakeUp::stop() noexcept {
  std::stop_source source(std::nostopstate);
  {
    const std::lock_guard lock(stop_mutex_);
    source = source_;
  }
  source.request_stop();
}

void WakeUp::wake() noexcept {
  const std::lock_guard lock(wake_mutex_);
  awake_ = !mutated(Mutant::wake_lost);
  woken_.notify_one();
}

bool WakeUp::take_stop() {
  const std::lock_guard lock(stop_mutex_);
  if (!source_.stop_requested()) return false;
  source_ = std::stop_source();
  token_ = source_.get_token();
  return true;
}

bool WakeUp::rest_until(log::Deadline time) {
  std::unique_lock lock(wake_mutex_);
  woken_.wait_until(lock, token_, time, [this] { return awake_; });
  // Said while we asked, it may or may not have been in the answer: so it counts for the next pause.
  return std::exchange(awake_, false);
}

}  // namespace varve::read
