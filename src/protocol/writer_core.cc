#include "protocol/writer_core.h"

#include <algorithm>

namespace varve::protocol {

namespace {

// The checkpoint at the end is a hint: not worth waiting for for long.
constexpr std::uint64_t last_checkpoint_patience_ms = 2'000;
// Apart from those of trims.
constexpr std::uint64_t first_leftovers_ticket = std::uint64_t{1} << 63;

WriterCommand::Kind kind_of(ReplicaCommand::Kind kind) {
  switch (kind) {
    case ReplicaCommand::Kind::hand_from:
      return WriterCommand::Kind::hand_from;
    case ReplicaCommand::Kind::hand:
      return WriterCommand::Kind::hand;
    case ReplicaCommand::Kind::let_go:
      return WriterCommand::Kind::let_go;
    case ReplicaCommand::Kind::want_checkpoint:
      return WriterCommand::Kind::want_checkpoint;
    case ReplicaCommand::Kind::acknowledge:
      break;
  }
  return WriterCommand::Kind::acknowledge;
}

}  // namespace

WriterCore::WriterCore(const Ownership& ownership, WriterCoreOptions options, Now now)
    : appender_(ownership, options.appender),
      pacing_(options.pacing),
      replicas_(ownership, std::move(options.replicas), now.unix_ms) {
  drop(ownership.leftovers);
  if (ownership.swept_below < appender_.durable_lowest_live()) {
    leftovers_ = Trim::leftovers(ownership.swept_below, first_leftovers_ticket);
    leftovers_->start(context(now));
  }
  settle(now);
}

// What lies in voids can never count; if the store does not manage now, a later trim comes by.
void WriterCore::drop(const std::vector<ListedSeq>& leftovers) {
  Request request = Request::make(Request::Kind::remove);
  for (const ListedSeq& leftover : leftovers) {
    if (request.seqs.size() < page_limit) request.seqs.push_back(leftover.seq);
  }
  if (!request.seqs.empty()) unheeded_.push_back({0, std::move(request)});
}

NextStep WriterCore::next(const Supply& supply, Now now) {
  batch_due_ms_.reset();
  if (!appender_.can_submit()) return {};
  if (supply.ready) return {.kind = NextStep::Kind::submit_batch};
  if (supply.closed) return {};
  if (supply.collecting) {
    if (!supply.accepts) return {};
    const bool hurry =
        closing_.ordered || appender_.trim_wants_object() || flush_below_ > supply.open_begins_at;
    const bool alone = appender_.in_flight() == 0 && !supply.preparing;
    const std::uint64_t due =
        hurry ? now.ms : pacing_.due_ms(std::min(supply.first_record_ms, now.ms), alone, now.ms);
    if (due <= now.ms) return {.kind = NextStep::Kind::close_batch};
    batch_due_ms_ = due;
    return {};
  }
  if (supply.preparing) return {};
  // The last object has no records, and is made when all before it are stored and it can say so: from then
  // on, whatever goes missing below it is known to be lost, not unfinished.
  const bool closing = closing_.ordered && supply.drained && appender_.in_flight() == 0;
  if (closing || appender_.trim_wants_object())
    return {.kind = NextStep::Kind::submit_empty, .closing = closing};
  return {};
}

format::Header WriterCore::submit(const BatchShape& batch, Now now) {
  const format::Header header = appender_.submit(batch, now.unix_ms, now.ms);
  unstored_.emplace_back(header.seq, header.end_offset());
  pacing_.spend(now.ms);
  settle(now);
  return header;
}

// Orders. ------------------------------------------------------------------------------------------

void WriterCore::trim(const TrimOrder& order, Now now) {
  if (ending()) {
    trim_results_.emplace_back(order.number, refusal_for(*ending()));
  } else if (closing_.ordered) {
    trim_results_.emplace_back(order.number, Error(Code::closed, "the writer is closed"));
  } else {
    waiting_trims_.push_back(order);
    settle(now);
  }
}

void WriterCore::close(std::uint64_t deadline_ms, Now now) {
  closing_.ordered = true;
  if (deadline_ms != 0) closing_.by_ms = std::min(closing_.by_ms.value_or(deadline_ms), deadline_ms);
  end_trims(Error(Code::closed, "the writer is closed"), now);
  settle(now);
}

void WriterCore::abandon(const Error& reason, Now now) {
  closing_.ordered = true;
  if (appender_.closed() && !replicas_.waiting()) {
    closing_.leave_at_ms = now.ms;
  } else {
    appender_.abandon(reason);
  }
  settle(now);
}

// Answers. -----------------------------------------------------------------------------------------

void WriterCore::on_put(Seq seq, const std::optional<Error>& error, Now now) {
  appender_.on_put(seq, error, now.ms);
  settle(now);
}

void WriterCore::on_look(Seq seq, const Result<format::Header>& found, std::string_view sealed_by, Now now) {
  appender_.on_look(seq, found, now.ms, sealed_by);
  settle(now);
}

void WriterCore::on_checkpoint(bool stored, Now now) {
  appender_.on_checkpoint(stored);
  settle(now);
}

void WriterCore::on_reply(std::uint64_t ticket, const Reply& reply, Now now) {
  if (leftovers_) leftovers_->on(ticket, reply, context(now));
  if (trim_) trim_->on(ticket, reply, context(now));
  settle(now);
}

void WriterCore::on_replica(std::size_t replica, ReplicaProgress progress, Now now) {
  if (ending()) return;
  replicas_.on_progress(replica, std::move(progress), now.ms, now.unix_ms);
  settle(now);
}

void WriterCore::tick(Now now) {
  appender_.tick(now.ms);
  if (!ending()) replicas_.tick(now.ms, now.unix_ms);
  if (closing_.by_ms && now.ms >= *closing_.by_ms) {
    closing_.by_ms.reset();
    abandon(Error(Code::timed_out, "closed before everything was stored"), now);
  }
  settle(now);
}

std::optional<std::uint64_t> WriterCore::next_tick_ms() const {
  std::optional<std::uint64_t> next = appender_.next_tick_ms();
  const auto want = [&next](const std::optional<std::uint64_t>& at) {
    if (at) next = next ? std::min(*next, *at) : *at;
  };
  want(closing_.leave_at_ms);
  if (ending()) return next;
  want(replicas_.next_tick_ms());
  want(batch_due_ms_);
  want(closing_.by_ms);
  if (leftovers_) want(leftovers_->next_tick_ms());
  if (trim_) want(trim_->next_tick_ms());
  for (const TrimOrder& order : waiting_trims_) {
    if (order.deadline_ms != 0) want(order.deadline_ms);
  }
  return next;
}

// What follows from it. ------------------------------------------------------------------------------

void WriterCore::settle(Now now) {
  pass_on_appender_commands(now);
  if (replicas_.ending() && !ending())
    appender_.abandon(replicas_.ending()->with_outcome(WriteOutcome::unknown));
  ending() ? end_trims(*ending(), now) : attend_trims(now);
  pass_on_replica_commands();
  if (closing_.ordered && !closing_.leave_at_ms && !ending() && appender_.closed() && !replicas_.waiting())
    closing_.leave_at_ms = now.ms + last_checkpoint_patience_ms;
}

void WriterCore::pass_on_appender_commands(Now now) {
  for (const Command& command : appender_.take_commands()) {
    switch (command.kind) {
      case Command::Kind::put:
        commands_.push_back({WriterCommand::Kind::put, command.seq});
        break;
      case Command::Kind::look:
        commands_.push_back({WriterCommand::Kind::look, command.seq});
        break;
      case Command::Kind::checkpoint:
        commands_.push_back({WriterCommand::Kind::checkpoint});
        break;
      case Command::Kind::acknowledge:
        VARVE_INVARIANT(!unstored_.empty() && unstored_.front().first == command.seq);
        replicas_.on_stored(command.seq, unstored_.front().second, now.ms);
        unstored_.pop_front();
        break;
    }
  }
  pass_on_replica_commands();
}

void WriterCore::pass_on_replica_commands() {
  for (const ReplicaCommand& command : replicas_.take_commands())
    commands_.push_back({kind_of(command.kind), command.seq, command.replica});
}

// Trims go one after another. A sweep of what an earlier writer left undone goes on beside them, until a trim
// sweeps: it begins at the front, so nothing is left to the other.
void WriterCore::attend_trims(Now now) {
  if (leftovers_ && leftovers_->done()) leftovers_.reset();
  while (trim_ || !waiting_trims_.empty()) {
    if (!trim_) {
      trim_.emplace(waiting_trims_.front(), next_ticket_);
      waiting_trims_.pop_front();
      trim_->start(context(now));
    } else {
      trim_->proceed(context(now));
    }
    if (trim_->stage() == Trim::Stage::sweeping) leftovers_.reset();
    if (!trim_->done()) break;
    end_trim();
  }
  std::erase_if(waiting_trims_, [&](const TrimOrder& order) {
    const bool late = order.deadline_ms != 0 && now.ms >= order.deadline_ms;
    if (late)
      trim_results_.emplace_back(
          order.number, Error(Code::timed_out, "another trim was under way all the time; trim again later"));
    return late;
  });
}

void WriterCore::end_trim() {
  next_ticket_ = trim_->next_ticket();
  trim_results_.emplace_back(trim_->order().number, trim_->result());
  trim_.reset();
}

void WriterCore::end_trims(const Error& reason, Now now) {
  if (trim_) {
    trim_->stop(reason, context(now));
    end_trim();
  }
  for (const TrimOrder& order : std::exchange(waiting_trims_, {}))
    trim_results_.emplace_back(order.number, refusal_for(reason));
  leftovers_.reset();
}

std::vector<PendingRequests::Ticketed> WriterCore::take_requests(Now now) {
  std::vector<PendingRequests::Ticketed> requests = std::exchange(unheeded_, {});
  for (std::optional<Trim>* trim : {&leftovers_, &trim_}) {
    if (!*trim) continue;
    for (PendingRequests::Ticketed& request : (*trim)->take_requests(now.ms))
      requests.push_back(std::move(request));
  }
  return requests;
}

// The end. -------------------------------------------------------------------------------------------

Error refusal_for(const Error& ending) {
  return ending.with_outcome(ending.outcome() == WriteOutcome::fenced ? WriteOutcome::fenced
                                                                      : WriteOutcome::not_written);
}

Error WriterCore::fate_of(Seq seq) const {
  const bool stored = unstored_.empty() || seq < unstored_.front().first;
  return stored ? ending()->with_outcome(WriteOutcome::unknown) : appender_.fate_of(seq);
}

bool WriterCore::finished(bool drained, Now now) const {
  if (ending()) return drained;
  return closing_.leave_at_ms && (!appender_.checkpoint_in_flight() || now.ms >= *closing_.leave_at_ms);
}

}  // namespace varve::protocol
