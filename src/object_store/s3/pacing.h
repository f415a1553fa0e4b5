// How many requests may be under way at once: adapts to what the store bears.
#pragma once

#include <algorithm>
#include <cstdint>

#include "object_store/s3/moment.h"

namespace varve::object_store::s3 {

/// Additive increase, multiplicative decrease, as TCP does it: one SlowDown halves the limit, each
/// limit's worth of successes raises it by one. Shared by all requests of a store, because the
/// store throttles the client, not the request.
class Pacing {
 public:
  explicit Pacing(std::uint32_t max) : max_(max), limit_(max) {}

  /// How many may be under way now; at least 1.
  [[nodiscard]] std::uint32_t limit() const noexcept { return static_cast<std::uint32_t>(limit_); }

  /// Deletions may have only so many of these, so that they never hold up appends.
  [[nodiscard]] std::uint32_t background_limit() const noexcept {
    return std::max<std::uint32_t>(1, limit() / 8);
  }

  void succeeded() noexcept { limit_ = std::min(limit_ + 1 / limit_, max_); }

  /// `started`: when the throttled request was sent. Requests sent before the last decrease say
  /// nothing about the limit after it: a burst of refusals counts once.
  void throttled(Moment started, Moment now) noexcept {
    if (started <= decreased_) return;
    decreased_ = now;
    limit_ = std::max(1.0, limit_ / 2);
  }

 private:
  double max_;
  double limit_;
  Moment decreased_ = Moment::min();
};

}  // namespace varve::object_store::s3
