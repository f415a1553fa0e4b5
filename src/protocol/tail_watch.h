// How a reader that follows a log waits at its tail: when it asks for more, and when it makes sure that this
// still is where the log grows. Pure: no clock.
#pragma once

#include <cstdint>
#include <optional>

#include "format/header.h"
#include "protocol/polling.h"

namespace varve::protocol {

class TailWatch {
 public:
  TailWatch(std::uint32_t poll_ms, std::uint32_t poll_max_ms) : polling_(poll_ms, poll_max_ms) {}

  /// Whether nothing at `place` may be taken for nothing new, without another look.
  [[nodiscard]] bool trusts(Seq place, std::uint64_t now_ms) const;

  /// Nothing new was there, as far as that is trusted.
  void polled(std::uint64_t now_ms) {
    ++polls_since_judged_;
    pause(now_ms);
  }
  /// `place` was found to be the tail.
  void judged(Seq place, std::uint64_t now_ms) {
    polls_since_judged_ = 0;
    judged_at_ms_ = now_ms;
    judged_tail_ = place;
    pause(now_ms);
  }
  /// Whether it is the tail is to be found out.
  void doubted() {
    judged_at_ms_.reset();
    judged_tail_.reset();
  }
  /// Something came.
  void grew() { polling_.found_something(); }

  [[nodiscard]] std::uint64_t resume_at_ms() const { return resume_at_ms_; }
  /// How often nothing new was at the tail.
  [[nodiscard]] std::uint64_t polls() const { return polls_; }

 private:
  void pause(std::uint64_t now_ms) {
    ++polls_;
    resume_at_ms_ = now_ms + polling_.found_nothing();
  }

  Polling polling_;
  std::uint32_t polls_since_judged_ = 0;
  std::optional<std::uint64_t>
      judged_at_ms_;                // when the reader's place, or what led to it, was judged the tail
  std::optional<Seq> judged_tail_;  // the place that was
  std::uint64_t resume_at_ms_ = 0;
  std::uint64_t polls_ = 0;
};

}  // namespace varve::protocol
