#include "append/replica_tracker.h"

#include <fmt/format.h>

#include <utility>

#include "base/clock.h"
#include "base/mutant.h"
#include "log/system.h"

namespace varve::append {

using protocol::CommitRule;
using Footing = CommitRule::Footing;

ReplicaTracker::ReplicaTracker(std::unique_ptr<Second> second, const protocol::Ownership& ownership,
                               protocol::CommitRuleOptions options, std::function<void()> tell)
    : second_(std::move(second)),
      stores_({.newest = ownership.seal.seq,
               .end_offset = ownership.next.offset,
               .window = ownership.next.window,
               .footing = second_->caught_up() ? Footing::both : Footing::first_alone},
              options),
      footing_(stores_.footing()),
      goes_on_(options.goes_on),
      patience_ms_(options.patience_ms) {
  if (footing_ == Footing::both) {
    second_->hand_from(ownership.next.seq);
  } else {
    alone_since_unix_ms_ = base::unix_ms();
    times_alone_ = 1;
  }
  second_->attend(std::move(tell));
}

void ReplicaTracker::stored_at_first(Seq seq, Offset end_offset, const Bytes& object, std::uint64_t now_ms) {
  if (footing_ != Footing::first_alone) second_->hand(seq, object);
  stores_.on_first(seq, end_offset, now_ms);
}

void ReplicaTracker::attend(std::uint64_t now_ms, std::int64_t now_unix_ms) {
  progress_ = second_->progress();
  stores_.on_second(progress_.below, progress_.offset, now_ms);
  stores_.tick(now_ms);
  if (progress_.ending && !ended_) second_ended(*progress_.ending);
  if (stores_.gave_up() && !ending_) {
    ending_ =
        Error(Code::unavailable,
              fmt::format("the second store, {}, made no progress for {} ms{}; open again when it does its "
                          "work (what was in flight is in the first, or may be)",
                          second_->name(), patience_ms_,
                          progress_.complaint ? ": " + progress_.complaint->message() : ""));
  }
  follow_footing(now_unix_ms);
}

// Who has written there, or has promoted it, may have made another log of it: two would be written to. Nobody
// has, if it is only damaged, say; then the first goes on alone, where that is wanted.
void ReplicaTracker::second_ended(const Error& why) {
  ended_ = true;
  progress_.complaint = why;
  const bool another = why.code() == Code::fenced || why.code() == Code::foreign;
  if (goes_on_ && (!another || mutated(Mutant::promoted_ignored))) return stores_.go_on_alone();
  ending_ = why;
}

bool ReplicaTracker::says_soon(Seq seq) {
  const bool has_it = footing_ == Footing::both && progress_.below > seq && !waits_for_second();
  if (ending_ || !has_it || seq <= deletable_below()) return false;
  second_->want_checkpoint();
  return true;
}

void ReplicaTracker::follow_footing(std::int64_t now_unix_ms) {
  const Footing before = std::exchange(footing_, stores_.footing());
  if (before == footing_) return;
  if (footing_ == Footing::first_alone) {
    second_->let_go();
    if (before == Footing::both) {
      alone_since_unix_ms_ = now_unix_ms;
      ++times_alone_;
    }
  } else if (before == Footing::first_alone) {
    second_->hand_from(stores_.newest() + 1);
  }
}

SecondStatus ReplicaTracker::status() const {
  const bool alone = footing_ != Footing::both && !mutated(Mutant::alone_in_silence);
  return {.name = second_->name(),
          .durable_offset = stores_.second_offset(),
          .first_alone = alone,
          .first_alone_since_unix_ms = alone ? alone_since_unix_ms_ : 0,
          .records_in_first_alone = stores_.records_in_first_alone(),
          .waiting_for = progress_.ending ? progress_.ending : progress_.complaint};
}

}  // namespace varve::append
