// How other threads reach the one that reads: to stop it, or to have it ask for more at once.
#pragma once

#include <chrono>
#include <mutex>
#include <stop_token>

#include "base/condition.h"
#include "log/deadline.h"

namespace varve::read {

/// `stop` and `wake` from any thread; the rest from the one that reads.
class WakeUp {
 public:
  void stop() noexcept;
  void wake() noexcept;

  [[nodiscard]] const std::stop_token& stopped() const noexcept { return token_; }
  /// Whether a stop was asked for; it has been served by then.
  bool take_stop();
  /// Rests until then, or until stopped or woken; whether it was woken.
  bool rest_until(log::Deadline time);

 private:
  std::mutex wake_mutex_;
  base::StoppableCondition woken_;
  bool awake_ = false;

  std::mutex stop_mutex_;
  std::stop_source source_;                      // replaced, by the reading thread, when it has served
  std::stop_token token_ = source_.get_token();  // the reading thread's own
};

}  // namespace varve::read
