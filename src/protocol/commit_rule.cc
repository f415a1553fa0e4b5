#include "protocol/commit_rule.h"

#include <algorithm>
#include <utility>

#include "base/mutant.h"
#include "protocol/retry.h"

namespace varve::protocol {

CommitRule::CommitRule(const Start& start)
    : window_(start.window), newest_(start.newest), committed_offset_(start.end_offset) {
  for (const Sink& sink : start.sinks)
    sinks_.push_back({.options = sink.options, .state = sink.state, .caught_up_above = start.newest});
}

void CommitRule::on_stored(Seq seq, Offset end_offset, std::uint64_t now_ms) {
  newest_ = seq;
  waiting_.push_back({seq, end_offset, now_ms});
  if (mutated(Mutant::standby_not_awaited)) return commit_front();
  commit_what_all_have();
}

void CommitRule::on_sink(std::size_t index, Seq below, Offset end_offset, std::uint64_t now_ms) {
  Progress& sink = sinks_.at(index);
  if (below <= sink.below) return;
  sink.below = below;
  sink.offset = std::max(sink.offset, end_offset);
  sink.progress_ms = now_ms;
  sink.late = false;
  commit_what_all_have();
  catch_up_if_near(sink);
}

void CommitRule::commit_front() {
  committed_.push_back(waiting_.front().seq);
  committed_offset_ = waiting_.front().end_offset;
  waiting_.pop_front();
}

bool CommitRule::is_awaited(const Progress& sink) const {
  return sink.state != SinkState::degraded && !waiting_.empty() && waiting_.front().seq >= sink.below;
}

void CommitRule::commit_what_all_have() {
  const std::size_t before = committed_.size();
  const auto awaited = [this](const Progress& sink) { return is_awaited(sink); };
  while (!waiting_.empty() && std::ranges::none_of(sinks_, awaited)) commit_front();
  if (mutated(Mutant::standby_out_of_order)) {
    std::reverse(committed_.begin() + static_cast<std::ptrdiff_t>(before), committed_.end());
  }
}

// Within a window of the end the sink keeps up: from now on it is waited for again. Only when it has also
// what was acknowledged without it, is everything in all places.
void CommitRule::catch_up_if_near(Progress& sink) const {
  if (sink.state == SinkState::degraded && newest_ < sink.below + window_) {
    sink.state = SinkState::catching_up;
    sink.caught_up_above = newest_;
  }
  const bool all = sink.below > sink.caught_up_above || mutated(Mutant::rejoins_early);
  if (sink.state == SinkState::catching_up && all) sink.state = SinkState::in_sync;
}

void CommitRule::degrade(std::size_t index) {
  sinks_.at(index).state = SinkState::degraded;
  sinks_.at(index).late = false;
  commit_what_all_have();
}

std::uint64_t CommitRule::stuck_since_ms(const Progress& sink) const {
  return std::max(waiting_.front().since_ms, sink.progress_ms);
}

void CommitRule::tick(std::uint64_t now_ms) {
  for (std::size_t i = 0; i < sinks_.size() && !gave_up_on_; ++i) {
    Progress& sink = sinks_[i];
    if (!is_awaited(sink)) continue;
    sink.late = sink.late || now_ms >= stuck_since_ms(sink) + late_ms;
    const std::uint32_t patience_ms = sink.options.patience_ms;
    if (patience_ms == 0 || now_ms < stuck_since_ms(sink) + patience_ms) continue;
    if (sink.options.degrades) {
      degrade(i);
    } else {
      gave_up_on_ = i;
    }
  }
}

std::optional<std::uint64_t> CommitRule::next_tick_ms() const {
  if (gave_up_on_) return std::nullopt;
  std::optional<std::uint64_t> next;
  const auto want = [&next](std::uint64_t at) { next = next ? std::min(*next, at) : at; };
  for (const Progress& sink : sinks_) {
    if (!is_awaited(sink)) continue;
    if (!sink.late) want(stuck_since_ms(sink) + late_ms);
    if (sink.options.patience_ms != 0) want(stuck_since_ms(sink) + sink.options.patience_ms);
  }
  return next;
}

std::vector<Seq> CommitRule::take_committed() { return std::exchange(committed_, {}); }

std::uint64_t CommitRule::unreplicated_records(std::size_t sink) const {
  const Offset there = sinks_.at(sink).offset;
  return committed_offset_ > there ? committed_offset_ - there : 0;
}

}  // namespace varve::protocol
