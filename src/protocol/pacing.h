// When a batch that is not full is uploaded. Pure: times come in.
//
// At once while nothing is in flight; after `linger_ms` of company-seeking otherwise; and never more
// often than the allowance of PUTs permits (a token bucket), which is what bounds the bill.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace varve::protocol {

class Pacing {
 public:
  /// `puts_per_second`: 0 for no bound. `burst`: the bucket's size, full at first.
  Pacing(double puts_per_second, double burst, std::uint32_t linger_ms)
      : per_ms_(puts_per_second / 1000), burst_(burst), linger_ms_(linger_ms), tokens_(burst) {}

  /// When to close the batch whose first record came at `since_ms`: at `now_ms` or before means now.
  [[nodiscard]] std::uint64_t due_ms(std::uint64_t since_ms, bool nothing_in_flight, std::uint64_t now_ms) {
    refill(now_ms);
    const std::uint64_t company = nothing_in_flight ? now_ms : since_ms + linger_ms_;
    if (per_ms_ <= 0 || tokens_ >= 1) return company;
    const auto wait_ms = static_cast<std::uint64_t>(std::ceil((1 - tokens_) / per_ms_));
    return std::max(company, now_ms + std::max<std::uint64_t>(wait_ms, 1));
  }

  /// An object was handed to the store. Full batches are not held back, but they use tokens up.
  void spend(std::uint64_t now_ms) {
    refill(now_ms);
    tokens_ = std::max(tokens_ - 1, 0.0);
  }

 private:
  void refill(std::uint64_t now_ms) {
    if (now_ms > refilled_ms_) {
      tokens_ = std::min(burst_, tokens_ + per_ms_ * static_cast<double>(now_ms - refilled_ms_));
    }
    refilled_ms_ = std::max(refilled_ms_, now_ms);
  }

  double per_ms_;
  double burst_;
  std::uint32_t linger_ms_;
  double tokens_;
  std::uint64_t refilled_ms_ = 0;
};

}  // namespace varve::protocol
