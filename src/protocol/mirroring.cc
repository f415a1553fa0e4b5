#include "protocol/mirroring.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/invariant.h"
#include "base/mutant.h"

namespace varve::protocol {

using format::Header;
using format::Kind;

Mirroring::Mirroring(MirroringStart start, MirroringOptions options)
    : next_(start.next),
      options_(options),
      backoff_(options.retry, options.jitter_seed),
      history_(std::move(start.history)),
      state_(std::move(start.state)),
      anchor_(start.anchor),
      swept_below_(start.swept_below),
      look_below_(std::numeric_limits<Seq>::max()),
      unsaid_(start.anchor && !start.anchor_is_said),
      said_anchor_(start.anchor_is_said ? start.anchor : std::nullopt) {
  std::erase_if(history_, [&](const format::EpochEntry& entry) { return entry.seal > next_.epoch; });
  state_.copied_offset = next_.offset;
  if (anchor_) lowest_live_ = start.lowest_live;
}

bool Mirroring::can_offer() const {
  if (ending_ || barrier_) return false;
  if (mutated(Mutant::mirror_window_dropped)) return copies_.size() < 4 * std::size_t{next_.window};
  return copies_.size() < next_.window;
}

Result<void> Mirroring::offer(const Header& object, std::uint64_t now_ms) {
  VARVE_INVARIANT(can_offer());
  const Result<Position> next = step(next_, object);
  if (!next) return next.error();
  copies_.push_back({.header = object, .end_offset = next->offset, .first_try_ms = now_ms});
  const bool newly_begun = !anchor_ && copies_.size() == 1;
  // A seal begins an epoch, and what is behind holes is judged by epochs: nothing of it before the
  // checkpoint can name it. Likewise nothing but the first object before the checkpoint names that.
  barrier_ = newly_begun || (object.kind == Kind::seal && !mutated(Mutant::mirror_seal_no_barrier));
  next_ = *next;
  send_what_may_go(now_ms);
  return {};
}

void Mirroring::source_seen(Offset end, std::int64_t unix_ms) {
  state_.source_end = std::max(state_.source_end, end);
  state_.source_seen_unix_ms = unix_ms;
}

Mirroring::Copy* Mirroring::find(Seq seq, State expected) {
  if (ending_) return nullptr;
  const auto copy = std::ranges::find(copies_, seq, [](const Copy& one) { return one.header.seq; });
  return copy == copies_.end() || copy->state != expected ? nullptr : &*copy;
}

// A seal goes when all before it is stored. And no object before what its header says is live: who surveys
// the destination takes what is below for trimmed, also behind a hole.
bool Mirroring::may_go(const Copy& copy) const {
  const Header& lowest = copies_.front().header;
  if (copy.header.kind == Kind::seal && !mutated(Mutant::mirror_seal_no_barrier))
    return &copy == &copies_.front();
  return copy.header.lowest_live <= lowest.seq || mutated(Mutant::mirror_trim_ahead);
}

void Mirroring::send_what_may_go(std::uint64_t /*now_ms*/) {
  for (Copy& copy : copies_) {
    if (copy.state != State::held || !may_go(copy)) continue;
    send(copy, copy.header.seq < look_below_ ? State::looking : State::putting);
  }
}

void Mirroring::send(Copy& copy, State state) {
  copy.state = state;
  if (state == State::putting) ++copy.tries;
  commands_.push_back(
      {state == State::putting ? CopyCommand::Kind::put : CopyCommand::Kind::look, copy.header.seq});
}

void Mirroring::on_put(Seq seq, const std::optional<Error>& error, std::uint64_t now_ms) {
  Copy* const copy = find(seq, State::putting);
  if (copy == nullptr) return;
  if (!error || (error->code() == Code::already_exists && mutated(Mutant::mirror_exists_trusted))) {
    return stored(*copy, now_ms);
  }
  // Ours, from a try whose answer was lost, or another mirror's: the same bytes. Or somebody has written.
  if (error->code() == Code::already_exists) return send(*copy, State::looking);
  retry_later(*copy, *error, now_ms);
}

void Mirroring::on_look(Seq seq, const Result<Header>& found, std::uint64_t now_ms) {
  Copy* const copy = find(seq, State::looking);
  if (copy == nullptr) return;
  if (found) {
    if (*found == copy->header) return stored(*copy, now_ms);
    if (found->kind == Kind::seal && found->has(format::flag::promoted)) {
      return end({Code::fenced, fmt::format("the destination was promoted, and the log goes on there, from "
                                            "object {} (offset {}) on",
                                            seq, found->first_offset)});
    }
    return end(
        {Code::foreign,
         fmt::format("the destination's object {} (offset {}) is not the source's: there it is of {}, here "
                     "of {}; the destination was written to by somebody else, and nothing is merged",
                     seq, found->first_offset, describe(*found), describe(copy->header))});
  }
  const Code code = found.error().code();
  if (code == Code::not_found) {
    // No mirror has put beyond the window of a place that is not stored.
    look_below_ = std::min(look_below_, seq + next_.window);
    return send(*copy, State::putting);
  }
  if (code == Code::corruption || code == Code::foreign || code == Code::unsupported) {
    return end(found.error().with_context("the destination"));
  }
  copy->tries = std::max(copy->tries, 1U);
  retry_later(*copy, found.error(), now_ms);
}

void Mirroring::retry_later(Copy& copy, const Error& error, std::uint64_t now_ms) {
  if (!worth_retrying(error)) return end(error.with_context("the destination"));
  copy.last_error = error;
  copy.state = State::waiting;
  copy.retry_at_ms = now_ms + backoff_.pause_ms(copy.tries);
}

void Mirroring::stored(Copy& copy, std::uint64_t now_ms) {
  copy.state = State::stored;
  copy.last_error.reset();
  while (!copies_.empty() && copies_.front().state == State::stored) {
    const Copy lowest = std::move(copies_.front());
    copies_.pop_front();
    leave(lowest);
  }
  if (copies_.empty() && barrier_) return put_checkpoint();
  if (since_checkpoint_ >= options_.checkpoint_every_objects || sweep_is_unsaid()) put_checkpoint();
  send_what_may_go(now_ms);
}

void Mirroring::leave(const Copy& copy) {
  const Header& header = copy.header;
  const bool ahead = header.has(format::flag::ahead);
  commands_.push_back({CopyCommand::Kind::copied, header.seq});
  if (header.kind == Kind::seal && (history_.empty() || history_.back().seal < header.seq)) {
    history_.push_back({header.seq, copy.end_offset, header.flags});
  }
  if (!anchor_) {
    state_.begins_seq = header.seq;
    state_.begins_offset = std::max(state_.begins_offset, header.first_offset);
  }
  state_.copied_offset = copy.end_offset;
  ++since_checkpoint_;
  if (ahead) {
    barrier_ = false;  // it owns nothing: a regular seal follows, and only that begins an epoch
    return;
  }
  anchor_ = header.seq;
  unsaid_ = true;
  lowest_live_ = std::max(lowest_live_, header.lowest_live);
  if (!state_.keeps && header.lowest_live > state_.begins_seq) {
    state_.begins_seq = header.lowest_live;
    state_.begins_offset = std::max(state_.begins_offset, header.start_offset);
  }
}

void Mirroring::want_checkpoint() {
  if (unsaid_) put_checkpoint();
}

void Mirroring::put_checkpoint() {
  if (ending_ || checkpoint_in_flight_ || checkpoint_retry_at_ms_ || !anchor_) return;
  checkpoint_in_flight_ = true;
  unsaid_ = false;
  since_checkpoint_ = 0;
  sending_anchor_ = anchor_;
  ++checkpoint_tries_;
  commands_.push_back({CopyCommand::Kind::checkpoint});
}

void Mirroring::on_checkpoint(const std::optional<Error>& error, std::uint64_t now_ms) {
  if (ending_ || !checkpoint_in_flight_) return;
  checkpoint_in_flight_ = false;
  if (error) {
    unsaid_ = true;
    checkpoint_error_ = error;
    if (!checkpoint_fails_since_ms_) checkpoint_fails_since_ms_ = now_ms;
    const bool gives_up =
        options_.give_up_ms != 0 && now_ms >= *checkpoint_fails_since_ms_ + options_.give_up_ms;
    if (gives_up || !worth_retrying(*error)) return end(error->with_context("the destination's checkpoint"));
    checkpoint_retry_at_ms_ = now_ms + backoff_.pause_ms(checkpoint_tries_);
    return;
  }
  checkpoint_tries_ = 0;
  checkpoint_fails_since_ms_.reset();
  checkpoint_error_.reset();
  said_anchor_ = sending_anchor_;
  if (barrier_ && copies_.empty()) {
    if (said_anchor_ == anchor_) {
      barrier_ = false;
    } else {
      put_checkpoint();
    }
  }
}

void Mirroring::tick(std::uint64_t now_ms) {
  if (ending_) return;
  if (checkpoint_retry_at_ms_ && now_ms >= *checkpoint_retry_at_ms_) {
    checkpoint_retry_at_ms_.reset();
    ++retries_;
    put_checkpoint();
  }
  for (Copy& copy : copies_) {
    if (copy.state == State::stored || copy.state == State::held) continue;
    if (options_.give_up_ms != 0 && now_ms >= copy.first_try_ms + options_.give_up_ms) {
      const std::string why = copy.last_error ? copy.last_error->message() : "the destination did not answer";
      return end({Code::unavailable, fmt::format("gave up on object {} after {} ms: {}", copy.header.seq,
                                                 now_ms - copy.first_try_ms, why)});
    }
    if (copy.state == State::waiting && now_ms >= copy.retry_at_ms) {
      ++retries_;
      send(copy, State::putting);
    }
  }
}

std::optional<std::uint64_t> Mirroring::next_tick_ms() const {
  if (ending_) return std::nullopt;
  std::optional<std::uint64_t> next = checkpoint_retry_at_ms_;
  const auto want = [&next](std::uint64_t at) { next = next ? std::min(*next, at) : at; };
  for (const Copy& copy : copies_) {
    if (copy.state == State::stored || copy.state == State::held) continue;
    if (copy.state == State::waiting) want(copy.retry_at_ms);
    if (options_.give_up_ms != 0) want(copy.first_try_ms + options_.give_up_ms);
  }
  return next;
}

std::vector<CopyCommand> Mirroring::take_commands() { return std::exchange(commands_, {}); }

bool Mirroring::settled() const { return copies_.empty() && !checkpoint_in_flight_ && !unsaid_ && !barrier_; }

format::Checkpoint Mirroring::checkpoint() const {
  VARVE_INVARIANT(anchor_);
  format::Checkpoint checkpoint{.log_id = next_.log_id,
                                .anchor = *anchor_,
                                .window = next_.window,
                                .swept_below = std::min(swept_below_, *anchor_),
                                .history = history_,
                                .mirror = state_};
  std::erase_if(checkpoint.history, [&](const format::EpochEntry& entry) { return entry.seal > *anchor_; });
  return checkpoint;
}

// What the source has trimmed away waits for a checkpoint that names nothing of it.
bool Mirroring::sweep_is_unsaid() const {
  return !state_.keeps && said_anchor_ && *said_anchor_ < lowest_live_;
}

Seq Mirroring::sweep_below() const {
  if (state_.keeps || !said_anchor_) return swept_below_;
  if (sweep_is_unsaid() && !mutated(Mutant::mirror_sweeps_unsaid)) return swept_below_;
  return std::max(swept_below_, lowest_live_);
}

std::optional<Error> Mirroring::complaint() const {
  if (!copies_.empty() && copies_.front().last_error) return copies_.front().last_error;
  return checkpoint_error_;
}

void Mirroring::end(Error error) {
  if (!ending_) ending_ = std::move(error);
}

}  // namespace varve::protocol
