// When a consumer's cursor is to be moved: after so many records, or so long.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "varve/result.h"

namespace varve::consume {

class CommitPace {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// 0: not by records, not by time.
  CommitPace(std::uint64_t every_records, std::uint32_t every_ms)
      : every_records_(every_records), every_(every_ms) {}

  /// `uncommitted` records are done and not committed, as of `now`.
  void on_done(std::uint64_t uncommitted, Time now) {
    if (every_records_ != 0 && uncommitted >= every_records_) due_ = now;
    if (every_.count() != 0 && !due_) due_ = now + every_;
  }
  /// All that was done is committed.
  void on_committed() { due_.reset(); }
  /// It could not be committed now: not at once again.
  void on_failed(Time now) { due_ = now + (every_.count() != 0 ? every_ : retry_after); }

  [[nodiscard]] bool due(Time now) const { return due_ && now >= *due_; }
  /// When it will be, if no more is done.
  [[nodiscard]] std::optional<Time> due_at() const { return due_; }

 private:
  static constexpr std::chrono::milliseconds retry_after{1000};

  std::uint64_t every_records_;
  std::chrono::milliseconds every_;
  std::optional<Time> due_;
};

}  // namespace varve::consume
