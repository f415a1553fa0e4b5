// What a pilot whose log has a second store does about it: hands objects over, and learns which of them both
// stores have.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "append/standby.h"
#include "protocol/commit_rule.h"
#include "protocol/takeover.h"

namespace varve::append {

/// One thread, that of the pilot; but `status` is called by whoever publishes it.
class ReplicaTracker {
 public:
  /// `tell` is called, by another thread, when it is time to `attend`.
  ReplicaTracker(std::unique_ptr<Second> second, const protocol::Ownership& ownership,
                 protocol::CommitRuleOptions options, std::function<void()> tell);

  /// The first has it now, with all before it. In order.
  void stored_at_first(Seq seq, Offset end_offset, const Bytes& object, std::uint64_t now_ms);
  /// Takes note of what the second has come to, and of the time.
  void attend(std::uint64_t now_ms, std::int64_t now_unix_ms);
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const { return stores_.next_tick_ms(); }
  [[nodiscard]] std::vector<Seq> take_acknowledged() { return stores_.take_acknowledged(); }

  /// Nothing more will be acknowledged: the second was promoted, is another's, or was away for too long.
  [[nodiscard]] const std::optional<Error>& ending() const { return ending_; }
  /// What may be deleted at the first: a second that starts anew asks for nothing below.
  [[nodiscard]] Seq deletable_below() const { return progress_.said.value_or(0); }
  /// That will soon be `seq` or more, for it is asked to say what it has.
  [[nodiscard]] bool says_soon(Seq seq);

  [[nodiscard]] bool waits_for_second() const {
    return stores_.late() || (stores_.waiting() && progress_.complaint);
  }
  [[nodiscard]] const std::optional<Error>& complaint() const { return progress_.complaint; }
  [[nodiscard]] SecondStatus status() const;
  [[nodiscard]] std::uint64_t times_alone() const { return times_alone_; }

  /// Ends the second's work; in order, if there is the time.
  void finish(std::chrono::milliseconds patience) { second_->finish(patience); }

 private:
  void second_ended(const Error& why);
  void follow_footing(std::int64_t now_unix_ms);

  std::unique_ptr<Second> second_;
  protocol::CommitRule stores_;
  protocol::CommitRule::Footing footing_;  // as it was when the second was last told what to expect
  bool goes_on_;
  std::uint32_t patience_ms_;
  SecondProgress progress_;
  std::int64_t alone_since_unix_ms_ = 0;
  std::uint64_t times_alone_ = 0;
  bool ended_ = false;
  std::optional<Error> ending_;
};

}  // namespace varve::append
