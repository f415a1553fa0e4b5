#include "protocol/commit_rule.h"

#include <algorithm>
#include <utility>

#include "base/mutant.h"
#include "protocol/retry.h"

namespace varve::protocol {

CommitRule::CommitRule(const Start& start, CommitRuleOptions options)
    : options_(options),
      window_(start.window),
      footing_(start.footing),
      newest_(start.newest),
      acknowledged_offset_(start.end_offset),
      rejoins_above_(start.newest) {}

void CommitRule::on_first(Seq seq, Offset end_offset, std::uint64_t now_ms) {
  newest_ = seq;
  waiting_.push_back({seq, end_offset, now_ms});
  if (footing_ == Footing::first_alone || mutated(Mutant::second_not_awaited)) return acknowledge_front();
  acknowledge_what_both_have();
}

void CommitRule::on_second(Seq below, Offset end_offset, std::uint64_t now_ms) {
  if (below <= second_below_) return;
  second_below_ = below;
  second_offset_ = std::max(second_offset_, end_offset);
  progress_ms_ = now_ms;
  late_ = false;
  acknowledge_what_both_have();
  rejoin_if_near();
}

void CommitRule::acknowledge_front() {
  acknowledged_.push_back(waiting_.front().seq);
  acknowledged_offset_ = waiting_.front().end_offset;
  waiting_.pop_front();
}

void CommitRule::acknowledge_what_both_have() {
  const std::size_t before = acknowledged_.size();
  while (!waiting_.empty() && waiting_.front().seq < second_below_) acknowledge_front();
  if (mutated(Mutant::second_out_of_order)) {
    std::reverse(acknowledged_.begin() + static_cast<std::ptrdiff_t>(before), acknowledged_.end());
  }
}

// Within a window of the end the second keeps up: from now on it is waited for again. Only when it has also
// what was acknowledged without it is everything in both.
void CommitRule::rejoin_if_near() {
  if (footing_ == Footing::first_alone && newest_ < second_below_ + window_) {
    footing_ = Footing::rejoining;
    rejoins_above_ = newest_;
  }
  const bool all = second_below_ > rejoins_above_ || mutated(Mutant::rejoins_early);
  if (footing_ == Footing::rejoining && all) footing_ = Footing::both;
}

void CommitRule::go_on_alone() {
  footing_ = Footing::first_alone;
  late_ = false;
  while (!waiting_.empty()) acknowledge_front();
}

std::uint64_t CommitRule::stuck_since_ms() const { return std::max(waiting_.front().since_ms, progress_ms_); }

void CommitRule::tick(std::uint64_t now_ms) {
  if (waiting_.empty() || gave_up_) return;
  late_ = late_ || now_ms >= stuck_since_ms() + late_ms;
  if (options_.patience_ms == 0 || now_ms < stuck_since_ms() + options_.patience_ms) return;
  if (options_.goes_on) return go_on_alone();
  gave_up_ = true;
}

std::optional<std::uint64_t> CommitRule::next_tick_ms() const {
  if (waiting_.empty() || gave_up_) return std::nullopt;
  std::optional<std::uint64_t> next;
  if (!late_) next = stuck_since_ms() + late_ms;
  if (options_.patience_ms != 0) {
    const std::uint64_t end = stuck_since_ms() + options_.patience_ms;
    next = next ? std::min(*next, end) : end;
  }
  return next;
}

std::vector<Seq> CommitRule::take_acknowledged() { return std::exchange(acknowledged_, {}); }

std::uint64_t CommitRule::records_in_first_alone() const {
  return acknowledged_offset_ > second_offset_ ? acknowledged_offset_ - second_offset_ : 0;
}

}  // namespace varve::protocol
