// How long a follower pauses between two looks at the tail. Pure: no clock.
//
// Each look that finds nothing makes the pause an eighth longer, up to a bound. So the pause is about an
// eighth of how long nothing has come, and what comes then is seen late by no more than that: a busy log is
// followed closely, a quiet one at little cost (docs/operations.md has the prices).
#pragma once

#include <algorithm>
#include <cstdint>

namespace varve::protocol {

class Polling {
 public:
  /// `least_ms` is at least 1; a `most_ms` below it counts as it.
  Polling(std::uint32_t least_ms, std::uint32_t most_ms)
      : least_ms_(least_ms), most_ms_(std::max(least_ms, most_ms)), next_ms_(least_ms) {}

  /// The pause now that nothing was there.
  [[nodiscard]] std::uint32_t found_nothing() {
    const std::uint32_t pause_ms = next_ms_;
    next_ms_ = std::min(most_ms_, pause_ms + std::max<std::uint32_t>(1, pause_ms / 8));
    return pause_ms;
  }

  /// The log has grown.
  void found_something() { next_ms_ = least_ms_; }

 private:
  std::uint32_t least_ms_;
  std::uint32_t most_ms_;
  std::uint32_t next_ms_;
};

}  // namespace varve::protocol
