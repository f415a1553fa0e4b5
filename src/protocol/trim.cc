#include "protocol/trim.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/mutant.h"

namespace varve::protocol {

Trim::Trim(const TrimOrder& order, std::uint64_t first_ticket)
    : order_(order), requests_({}, first_ticket + 1, first_ticket) {}

Trim Trim::leftovers(Seq from, std::uint64_t first_ticket) {
  Trim trim({}, first_ticket);
  trim.stage_ = Stage::sweeping;
  trim.sweep_from_ = from;
  return trim;
}

void Trim::start(const TrimContext& context) {
  if (stage_ == Stage::sweeping) return begin_sweep(context);
  const Appender& appender = context.appender;
  const Offset durable = context.replicas.committed_offset();
  if (order_.before > durable) {
    return finish(Error(Code::out_of_range, fmt::format("cannot trim before {}: the log is durable up to {}",
                                                        order_.before, durable))
                      .with_valid_range({appender.durable_start_offset(), durable}));
  }
  if (order_.no_writer_sleeps_days != 0) return read_clocks(context);
  find_start(context);
}

// First, so that a trim whose seals nobody can date changes nothing.
void Trim::read_clocks(const TrimContext& context) {
  const Appender& appender = context.appender;
  stage_ = Stage::reading_clocks;
  reading_.emplace(appender.newest_stored(), appender.history(), order_.no_writer_sleeps_days,
                   context.now_unix_ms, order_.host);
  requests_.add(reading_->start());
}

void Trim::on_clocks(const Reply& reply, const TrimContext& context) {
  requests_.add(reading_->on(reply));
  if (!reading_->done()) return;
  const Result<SealClocks> found = reading_->result();
  reading_.reset();
  requests_.drop();
  if (!found) return finish(found.error());
  clocks_ = *found;
  find_start(context);
}

void Trim::find_start(const TrimContext& context) {
  if (order_.before <= context.appender.start_offset()) return await_standbys(context);
  stage_ = Stage::scanning;
  scan_.emplace(RecoveryScan::Options{.want_history = true});
  requests_.add(scan_->start());
}

void Trim::on(std::uint64_t ticket, const Reply& reply, const TrimContext& context) {
  switch (stage_) {
    case Stage::reading_clocks:
      if (requests_.on(ticket, reply, context.now_ms)) on_clocks(reply, context);
      break;
    case Stage::scanning:
      if (requests_.on(ticket, reply, context.now_ms)) on_scan(reply, context);
      break;
    case Stage::searching:
      if (requests_.on(ticket, reply, context.now_ms)) on_search(&reply, context);
      break;
    case Stage::sweeping:
      // A deletion that fails is not repeated: a later trim comes by.
      if (!requests_.forget(ticket)) break;
      requests_.add(sweep_->on(reply));
      if (sweep_->done()) end_sweep(context);
      break;
    default:
      break;
  }
}

void Trim::on_scan(const Reply& reply, const TrimContext& context) {
  requests_.add(scan_->on(reply));
  if (!scan_->done()) return;
  const Result<LogState> state = scan_->result();
  scan_.reset();
  requests_.drop();
  if (!state) return finish(state.error());
  scanned_ = *state;
  stage_ = Stage::searching;
  search_.emplace(*scanned_, SeekTarget{.offset = order_.before, .exact = true});
  requests_.add(search_->start());
  if (search_->done()) on_search(nullptr, context);
}

void Trim::on_search(const Reply* reply, const TrimContext& context) {
  if (reply != nullptr) requests_.add(search_->on(*reply));
  if (!search_->done()) return;
  const Result<SearchResult> found = search_->result();
  search_.reset();
  requests_.drop();
  if (!found) return finish(found.error());
  lowest_live_ = found->at.seq;
  await_standbys(context);
}

void Trim::await_standbys(const TrimContext& context) {
  stage_ = Stage::awaiting_standbys;
  proceed(context);
}

void Trim::proceed(const TrimContext& context) {
  if (stage_ == Stage::awaiting_standbys && !context.replicas.will_allow_deletion_below(lowest_live_))
    carry(context);
  // An earlier trim that nobody waits for any more may be on its way still: this one waits for it as well.
  if (stage_ == Stage::carrying && context.appender.durable_start_offset() >= carried_start_)
    begin_sweep(context);
  if (!done() && order_.deadline_ms != 0 && context.now_ms >= order_.deadline_ms)
    stop(out_of_time(), context);
}

void Trim::carry(const TrimContext& context) {
  Appender& appender = context.appender;
  stage_ = Stage::carrying;
  // A standby that starts anew asks for what it has not said that it has.
  const Seq lowest_live = mutated(Mutant::trims_past_standby)
                              ? lowest_live_
                              : std::min(lowest_live_, context.replicas.deletable_below());
  if (order_.before > appender.start_offset()) appender.begin_trim(order_.before, lowest_live);
  carried_start_ = std::min(order_.before, appender.start_offset());
}

void Trim::begin_sweep(const TrimContext& context) {
  const Appender& appender = context.appender;
  stage_ = Stage::sweeping;
  sweeping_below_ = appender.durable_lowest_live();
  sweep_.emplace(SweepPlan{
      .from = sweep_from_, .below = sweeping_below_, .history = appender.history(), .clocks = clocks_});
  requests_.add(sweep_->start());
  if (sweep_->done()) end_sweep(context);
}

void Trim::end_sweep(const TrimContext& context) {
  const bool clean = sweep_->done() && !sweep_->error() && sweep_->left() == 0;
  if (clean) context.appender.swept(sweeping_below_);
  // What the store did not say counts as one object left: there is something to come back for.
  finish(TrimResult{.start_offset = context.appender.durable_start_offset(),
                    .objects_deleted = sweep_->removed(),
                    .objects_left = std::max<std::uint64_t>(sweep_->left(), clean ? 0 : 1)});
}

void Trim::stop(const Error& reason, const TrimContext& context) {
  if (done()) return;
  if (stage_ == Stage::sweeping) return end_sweep(context);
  const bool may_become_durable = stage_ == Stage::carrying && reason.outcome() != WriteOutcome::fenced;
  const WriteOutcome before_it_is_carried =
      reason.outcome() == WriteOutcome::fenced ? WriteOutcome::fenced : WriteOutcome::not_written;
  finish(reason.with_outcome(may_become_durable ? WriteOutcome::unknown : before_it_is_carried));
}

Error Trim::out_of_time() const {
  if (stage_ == Stage::carrying)
    return Error(Code::timed_out,
                 "the trim is not durable yet, for the store is slow or away; trim again later");
  if (stage_ == Stage::awaiting_standbys)
    return Error(Code::timed_out,
                 "a standby has not said in time what it has; nothing was trimmed, trim again later");
  return Error(Code::timed_out,
               fmt::format("the store did not answer in time; nothing was trimmed, trim again later{}",
                           requests_.complaint() ? ": " + requests_.complaint()->message() : ""));
}

void Trim::finish(Result<TrimResult> result) {
  stage_ = Stage::done;
  requests_.drop();
  result_ = std::move(result);
}

std::optional<std::uint64_t> Trim::next_tick_ms() const {
  if (done()) return std::nullopt;
  std::optional<std::uint64_t> next = requests_.next_tick_ms();
  if (order_.deadline_ms != 0) next = next ? std::min(*next, order_.deadline_ms) : order_.deadline_ms;
  return next;
}

}  // namespace varve::protocol
