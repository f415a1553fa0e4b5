#include "protocol/appender.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/mutant.h"

namespace varve::protocol {

using format::Header;
using format::Kind;

Appender::Appender(const Ownership& ownership, AppenderOptions options)
    : writer_id_(ownership.writer_id),
      next_(ownership.next),
      options_(options),
      backoff_(options.retry, options.jitter_seed),
      window_(ownership.next.seq, ownership.next.window + (mutated(Mutant::window_too_wide) ? 1 : 0)),
      anchor_(ownership.seal.seq),
      durable_seq_(ownership.next.seq),
      durable_offset_(ownership.next.offset),
      start_offset_(ownership.seal.start_offset),
      lowest_live_(ownership.seal.lowest_live),
      durable_start_offset_(start_offset_),
      durable_lowest_live_(lowest_live_),
      swept_below_(ownership.swept_below),
      history_(ownership.history),
      since_checkpoint_(ownership.since_checkpoint) {}

bool Appender::can_submit() const {
  const bool unbounded = options_.uploads_max == 0 || mutated(Mutant::uploads_unbounded);
  const bool room = !window_.full() && (unbounded || uploading_ < options_.uploads_max);
  return room && !ending_ && !closing_ && !blocked_at_;
}

Header Appender::submit(const BatchShape& batch, std::int64_t now_unix_ms, std::uint64_t now_ms) {
  VARVE_INVARIANT(can_submit());
  Header header;
  header.kind = Kind::data;
  header.flags = batch.closing ? format::flag::closing : 0;
  header.log_id = next_.log_id;
  header.writer_id = writer_id_;
  header.seq = next_.seq;
  header.epoch = next_.epoch;
  header.first_offset = next_.offset;
  header.record_count = batch.record_count;
  header.window = next_.window;
  header.body_end = batch.body_end;
  header.object_bytes = batch.object_bytes;
  header.codec = batch.codec;
  header.block_log2 = batch.block_log2;
  header.packed_end = batch.packed_end;
  header.start_offset = start_offset_;
  header.lowest_live = std::min(lowest_live_, anchor_);
  header.anchor = anchor_;
  header.durable_seq = durable_seq_;
  header.durable_offset = durable_offset_;
  if (mutated(Mutant::claims_too_much) && header.seq > anchor_ + next_.window) {
    header.anchor = header.seq - 1;
    header.durable_seq = header.seq;
    header.durable_offset = header.first_offset;
  }
  header.previous_hash = next_.previous_hash;
  header.created_unix_ms = now_unix_ms;
  header.first_append_unix_ms = batch.first_append_unix_ms;

  const Seq seq = next_.seq;
  next_ = step(next_, header).value();
  Upload& upload = window_.enter({.header = header, .first_try_ms = now_ms});
  ++uploading_;
  put(seq, upload);
  trim_pending_ = false;
  closing_ = batch.closing;
  return header;
}

void Appender::put(Seq seq, Upload& upload) {
  upload.state = State::putting;
  ++upload.tries;
  commands_.push_back({Command::Kind::put, seq});
}

void Appender::on_put(Seq seq, const std::optional<Error>& error, std::uint64_t now_ms) {
  if (ending_ || !window_.contains(seq)) return;
  Upload& upload = window_.at(seq);
  if (upload.state != State::putting) return;
  if (!error) return landed(seq);
  if (mutated(Mutant::exists_is_success) && error->code() == Code::already_exists) return landed(seq);
  if (error->code() == Code::already_exists) {
    // Ours, from a try whose answer was lost? Or another's? Only what lies there can tell.
    upload.state = State::looking;
    upload.ever_unknown = true;
    commands_.push_back({Command::Kind::look, seq});
    return;
  }
  if (error->outcome() != WriteOutcome::not_written && !mutated(Mutant::unknown_forgotten)) {
    upload.ever_unknown = true;
  }
  retry_later(upload, *error, now_ms);
}

void Appender::on_look(Seq seq, const Result<Header>& found, std::uint64_t now_ms,
                       std::string_view sealed_by) {
  if (ending_ || !window_.contains(seq)) return;
  Upload& upload = window_.at(seq);
  if (upload.state != State::looking) return;
  if (!found) {
    const Error& error = found.error();
    if (error.code() == Code::corruption || error.code() == Code::foreign ||
        error.code() == Code::unsupported) {
      return end(error.with_context("this writer's next place is taken").with_outcome(WriteOutcome::unknown));
    }
    return retry_later(upload, error, now_ms);  // absent (a false alarm), or the store did not say
  }
  if (*found == upload.header || (mutated(Mutant::look_trusts_kind) && found->kind == Kind::data))
    return landed(seq);
  if (found->writer_id == writer_id_ && found->kind == Kind::data) {
    return end(Error(Code::corruption,
                     fmt::format("object {} carries this writer's name and is not what it wrote", seq))
                   .with_outcome(WriteOutcome::unknown));
  }
  blocked_by(seq, *found, sealed_by);
}

// Another writer holds the place `seq`. Nothing of ours at or above it can be acknowledged any more;
// what is below it may still land and count.
void Appender::blocked_by(Seq seq, const Header& found, std::string_view sealed_by) {
  if (mutated(Mutant::fence_ignored)) return landed(seq);
  window_.at(seq).state = State::blocked;
  if (!blocked_at_ || seq < *blocked_at_) {
    blocked_at_ = seq;
    blocked_error_ =
        Error(Code::fenced,
              fmt::format("{}{} has taken the log over, at offset {} or later; this writer "
                          "must stop (open again to take the log back)",
                          describe(found), sealed_by.empty() ? "" : fmt::format(" on {}", sealed_by),
                          window_.at(window_.begin()).header.first_offset))
            .with_outcome(WriteOutcome::fenced);
  }
  end_if_blocked();
}

void Appender::end_if_blocked() {
  if (blocked_at_ && window_.begin() == *blocked_at_) end(*blocked_error_);
}

void Appender::retry_later(Upload& upload, const Error& error, std::uint64_t now_ms) {
  if (!worth_retrying(error)) return end(error.with_outcome(WriteOutcome::unknown));
  upload.last_error = error;
  upload.state = State::waiting;
  upload.retry_at_ms = now_ms + backoff_.pause_ms(upload.tries);
}

void Appender::landed(Seq seq) {
  if (mutated(Mutant::ack_before_previous)) {
    for (Seq before = window_.begin(); before < seq; ++before) window_.at(before).state = State::landed;
  }
  window_.at(seq).state = State::landed;
  --uploading_;
  advance();
}

void Appender::advance() {
  while (!window_.empty() && window_.at(window_.begin()).state == State::landed) {
    const Header& header = window_.at(window_.begin()).header;
    anchor_ = header.seq;
    durable_seq_ = header.seq + 1;
    durable_offset_ = header.end_offset();
    durable_start_offset_ = header.start_offset;
    durable_lowest_live_ = header.lowest_live;
    commands_.push_back({Command::Kind::acknowledge, header.seq});
    window_.leave();
    ++since_checkpoint_;
  }
  end_if_blocked();
  const bool due =
      options_.checkpoint_every_objects != 0 && since_checkpoint_ >= options_.checkpoint_every_objects;
  if ((due || closed()) && since_checkpoint_ > 0 && !checkpoint_in_flight_ && !ending_) {
    checkpoint_in_flight_ = true;
    since_checkpoint_ = 0;
    commands_.push_back({Command::Kind::checkpoint});
  }
}

// A failed hint is not worth a retry; the next one comes.
void Appender::on_checkpoint(bool /*stored*/) {
  checkpoint_in_flight_ = false;
  if (closed()) advance();
}

void Appender::tick(std::uint64_t now_ms) {
  for (Seq seq = window_.begin(); seq != window_.end() && !ending_; ++seq) {
    Upload& upload = window_.at(seq);
    if (upload.state == State::landed || upload.state == State::blocked) continue;
    if (options_.give_up_ms != 0 && now_ms >= upload.first_try_ms + options_.give_up_ms) {
      const std::string why = upload.last_error ? upload.last_error->message() : "the store did not answer";
      return end(Error(Code::unavailable,
                       fmt::format("gave up on object {} after {} ms: {}; open again when the store "
                                   "is well (what was in flight may or may not be there)",
                                   seq, now_ms - upload.first_try_ms, why))
                     .with_outcome(WriteOutcome::unknown));
    }
    upload.late = upload.late || now_ms >= upload.first_try_ms + late_ms;
    if (upload.state == State::waiting && now_ms >= upload.retry_at_ms) {
      ++retries_;
      put(seq, upload);
    }
  }
}

std::optional<std::uint64_t> Appender::next_tick_ms() const {
  if (ending_) return std::nullopt;
  std::optional<std::uint64_t> next;
  const auto want = [&next](std::uint64_t at) { next = next ? std::min(*next, at) : at; };
  for (Seq seq = window_.begin(); seq != window_.end(); ++seq) {
    const Upload& upload = window_.at(seq);
    if (upload.state == State::landed || upload.state == State::blocked) continue;
    if (upload.state == State::waiting) want(upload.retry_at_ms);
    if (!upload.late) want(upload.first_try_ms + late_ms);
    if (options_.give_up_ms != 0) want(upload.first_try_ms + options_.give_up_ms);
  }
  return next;
}

std::vector<Command> Appender::take_commands() { return std::exchange(commands_, {}); }

void Appender::begin_trim(Offset before, Seq lowest_live) {
  VARVE_INVARIANT(before >= start_offset_ && before <= durable_offset_);
  if (mutated(Mutant::trim_too_far)) lowest_live = std::min(lowest_live + 1, anchor_);
  start_offset_ = before;
  lowest_live_ = std::max(lowest_live_, std::min(lowest_live, anchor_));  // the newest is always kept
  trim_pending_ = true;
  if (mutated(Mutant::trim_before_durable)) {
    durable_start_offset_ = start_offset_;
    durable_lowest_live_ = lowest_live_;
  }
}

bool Appender::waiting_for_store() const {
  if (window_.empty()) return false;
  const Upload& oldest = window_.at(window_.begin());
  return (oldest.last_error || oldest.late) && oldest.state != State::landed;
}

std::optional<Error> Appender::complaint() const {
  return window_.empty() ? std::nullopt : window_.at(window_.begin()).last_error;
}

void Appender::end(Error error) {
  if (!ending_) ending_ = std::move(error);
}

Error Appender::fate_of(Seq seq) const {
  VARVE_INVARIANT(ending_ && window_.contains(seq));
  if (blocked_at_ && seq >= *blocked_at_) return blocked_error_->with_outcome(WriteOutcome::fenced);
  const Upload& upload = window_.at(seq);
  return ending_->with_outcome(upload.may_be_stored() ? WriteOutcome::unknown : WriteOutcome::not_written);
}

Error Appender::fate_of_unsent() const {
  VARVE_INVARIANT(ending_);
  return ending_->with_outcome(blocked_at_ ? WriteOutcome::fenced : WriteOutcome::not_written);
}

format::Checkpoint Appender::checkpoint() const {
  return {.log_id = next_.log_id,
          .anchor = anchor_,
          .window = next_.window,
          .swept_below = swept_below_,
          .history = history_};
}

}  // namespace varve::protocol
