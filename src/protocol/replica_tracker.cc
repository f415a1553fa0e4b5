#include "protocol/replica_tracker.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/mutant.h"

namespace varve::protocol {

namespace {

CommitRule::Start start_of(const Ownership& ownership, const std::vector<Replica>& replicas) {
  CommitRule::Start start{
      .newest = ownership.seal.seq, .end_offset = ownership.next.offset, .window = ownership.next.window};
  for (const Replica& replica : replicas) {
    start.sinks.push_back(
        {.options = replica.options,
         .state = replica.in_sync ? CommitRule::SinkState::in_sync : CommitRule::SinkState::degraded});
  }
  return start;
}

}  // namespace

ReplicaTracker::ReplicaTracker(const Ownership& ownership, std::vector<Replica> replicas,
                               std::int64_t now_unix_ms)
    : rule_(start_of(ownership, replicas)) {
  for (Replica& replica : replicas) {
    const std::size_t index = replicas_.size();
    replicas_.push_back(
        {.name = std::move(replica.name), .options = replica.options, .state = rule_.state(index)});
    if (replica.in_sync) {
      commands_.push_back({ReplicaCommand::Kind::hand_from, index, ownership.next.seq});
    } else {
      replicas_.back().degraded_since_unix_ms = now_unix_ms;
      ++degradations_;
    }
  }
}

void ReplicaTracker::on_stored(Seq seq, Offset end_offset, std::uint64_t now_ms) {
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (replicas_[i].state != State::degraded) commands_.push_back({ReplicaCommand::Kind::hand, i, seq});
  }
  rule_.on_stored(seq, end_offset, now_ms);
}

void ReplicaTracker::on_progress(std::size_t index, ReplicaProgress progress, std::uint64_t now_ms,
                                 std::int64_t now_unix_ms) {
  Tracked& replica = replicas_.at(index);
  replica.progress = std::move(progress);
  rule_.on_sink(index, replica.progress.below, replica.progress.offset, now_ms);
  if (replica.progress.ending && !replica.ended) on_ending(index);
  settle(now_unix_ms);
}

void ReplicaTracker::tick(std::uint64_t now_ms, std::int64_t now_unix_ms) {
  rule_.tick(now_ms);
  settle(now_unix_ms);
}

// Who has written to a standby, or has promoted it, may have made another log of it: two logs would be
// written to. If it is only damaged, nobody has, and the writer may go on without it where its user wants
// that.
void ReplicaTracker::on_ending(std::size_t index) {
  Tracked& replica = replicas_[index];
  replica.ended = true;
  const Error why = *replica.progress.ending;
  replica.progress.complaint = why;
  const bool is_another_log = why.code() == Code::fenced || why.code() == Code::foreign;
  if (replica.options.degrades && (!is_another_log || mutated(Mutant::promoted_ignored)))
    return rule_.degrade(index);
  if (!ending_) ending_ = why;
}

void ReplicaTracker::settle(std::int64_t now_unix_ms) {
  if (const auto given_up = rule_.gave_up_on(); given_up && !ending_) {
    const Tracked& replica = replicas_[*given_up];
    const std::optional<Error>& complaint = replica.progress.complaint;
    ending_ = Error(
        Code::unavailable,
        fmt::format("the standby, {}, made no progress for {} ms{}; open again when it works (what "
                    "was in flight is in the log's own store, or may be)",
                    replica.name, replica.options.patience_ms, complaint ? ": " + complaint->message() : ""));
  }
  for (std::size_t i = 0; i < replicas_.size(); ++i) follow_state(i, now_unix_ms);
}

void ReplicaTracker::follow_state(std::size_t index, std::int64_t now_unix_ms) {
  Tracked& replica = replicas_[index];
  const State before = std::exchange(replica.state, rule_.state(index));
  if (before == replica.state) return;
  if (replica.state == State::degraded) {
    commands_.push_back({ReplicaCommand::Kind::let_go, index});
    if (before == State::in_sync) {
      replica.degraded_since_unix_ms = now_unix_ms;
      ++degradations_;
    }
  } else if (before == State::degraded) {
    commands_.push_back({ReplicaCommand::Kind::hand_from, index, rule_.newest() + 1});
  }
}

std::vector<ReplicaCommand> ReplicaTracker::take_commands() {
  for (const Seq seq : rule_.take_committed())
    commands_.push_back({ReplicaCommand::Kind::acknowledge, 0, seq});
  return std::exchange(commands_, {});
}

Seq ReplicaTracker::deletable_below() const {
  Seq below = std::numeric_limits<Seq>::max();
  for (const Tracked& replica : replicas_) below = std::min(below, replica.progress.resumes_at.value_or(0));
  return below;
}

bool ReplicaTracker::will_allow_deletion_below(Seq seq) {
  if (ending_ || seq <= deletable_below()) return false;
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    const Tracked& replica = replicas_[i];
    const bool has_it = replica.state == State::in_sync && replica.progress.below > seq && !is_stalled(i);
    if (!has_it && replica.progress.resumes_at.value_or(0) < seq) return false;
  }
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (replicas_[i].progress.resumes_at.value_or(0) < seq)
      commands_.push_back({ReplicaCommand::Kind::want_checkpoint, i});
  }
  return true;
}

bool ReplicaTracker::is_stalled(std::size_t index) const {
  return rule_.late(index) || (rule_.waiting() && replicas_[index].progress.complaint);
}

bool ReplicaTracker::stalled() const { return complaint().has_value(); }

std::optional<ReplicaTracker::Complaint> ReplicaTracker::complaint() const {
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (is_stalled(i)) return Complaint{replicas_[i].name, replicas_[i].progress.complaint};
  }
  return std::nullopt;
}

ReplicaStatus ReplicaTracker::status(std::size_t index) const {
  const Tracked& replica = replicas_.at(index);
  const bool degraded = replica.state != State::in_sync && !mutated(Mutant::alone_in_silence);
  return {.durable_offset = rule_.sink_offset(index),
          .degraded = degraded,
          .degraded_since_unix_ms = degraded ? replica.degraded_since_unix_ms : 0,
          .unreplicated_records = rule_.unreplicated_records(index),
          .waiting_for = replica.progress.ending ? replica.progress.ending : replica.progress.complaint};
}

}  // namespace varve::protocol
