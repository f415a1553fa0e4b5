#include "append/upload_loop.h"

#include <algorithm>
#include <utility>

#include "append/object_layout.h"
#include "base/clock.h"
#include "base/mutant.h"
#include "log/append_notifier.h"
#include "log/system.h"

namespace varve::append {

using protocol::NextStep;
using protocol::Now;
using protocol::WriterCommand;
using Phase = LifeCycle::Phase;

namespace {

// What a standby writes at the end is a hint: not worth waiting for for long.
constexpr std::chrono::milliseconds standby_patience{2'000};

Now clock_now() { return {.ms = steady_ms(), .unix_ms = base::unix_ms()}; }

std::vector<protocol::Replica> replicas_of(const Standby* standby, const protocol::SinkOptions& options) {
  if (standby == nullptr) return {};
  return {{.name = standby->name(), .options = options, .in_sync = standby->caught_up()}};
}

std::uint64_t in_ms(log::Deadline deadline) {
  if (deadline == log::Deadline::max()) return 0;
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline.time_since_epoch()).count());
}

}  // namespace

UploadLoop::UploadLoop(log::LogStore log_store, const protocol::Ownership& ownership,
                       const UploadLoopOptions& options, std::unique_ptr<Standby> standby)
    : log_store_(std::move(log_store)),
      core_(ownership,
            {.appender = options.appender,
             .pacing = options.pacing,
             .replicas = replicas_of(standby.get(), options.standby)},
            clock_now()),
      reporter_(options.on_event, log_store_.name_of_log()),
      metrics_(options.batch_bytes),
      signals_(events_),
      pool_(BatchPool::create({.batch_bytes = options.batch_bytes,
                               .buffered_bytes_max = options.buffered_bytes_max,
                               .window = ownership.next.window,
                               .first_offset = ownership.next.offset},
                              signals_)),
      watermark_(ownership.next.offset),
      compression_(options.compression == Compression::none
                       ? nullptr
                       : std::make_unique<CompressionStage>(options.compression, options.compression_level,
                                                            ownership.next.offset, metrics_,
                                                            [events = events_] { events->nudge(); })),
      standby_(std::move(standby)),
      state_(ownership.truncated_objects),
      acknowledger_(std::make_shared<Acknowledger>(pool_, &metrics_,
                                                   log::AppendNotifier::of(log_store_.address()),
                                                   [events = events_] { events->nudge(); })) {
  publish();
  reporter_.opened(ownership);
  carry_out_commands(clock_now());
  if (standby_) standby_->attend([events = events_] { events->nudge(); });
}

UploadLoop::~UploadLoop() = default;

void UploadLoop::start(WriterThreads& threads) {
  threads.callbacks.add(acknowledger_);
  try {
    threads.uploads.add(shared_from_this());
  } catch (...) {
    acknowledger_->no_more();
    throw;
  }
  events_->wakes(*this);
}

void UploadLoop::join() {
  wait_until_let_go();
  acknowledger_->wait_until_let_go();
}

base::Executor::Next UploadLoop::step() {
  const LifeCycle::Step here(life_);
  const Now now = clock_now();
  hear(events_->take(), now);
  if (life_.phase() == Phase::running) {
    core_.tick(now);
    if (standby_) core_.on_replica(0, standby_->progress(), now);
    upload(now);
    carry_out_commands(now);
    if (core_.ending()) fail_the_rest();
    publish();
    if (reporter_.observe(core_)) metrics_.slowed_down();
  }
  report_trims();
  wind_down(now);
  return {.at = next_wake(), .ended = life_.phase() == Phase::ended};
}

// Events. ------------------------------------------------------------------------------------------

void UploadLoop::hear(std::vector<LoopEvent> events, Now now) {
  for (LoopEvent& event : events) {
    std::visit([&](auto& one) { on_event(one, now); }, event);
  }
}

void UploadLoop::on_event(PutAnswered& event, Now now) {
  if (const auto flight = flights_.find(event.seq); flight != flights_.end() && !event.error) {
    metrics_.stored(flight->second.timeline);
    answered(flight->second);
  }
  core_.on_put(event.seq, event.error, now);
}

void UploadLoop::on_event(LookAnswered& event, Now now) {
  if (event.found) {
    core_.on_look(event.seq, event.found->header, event.found->sealed_by, now);
  } else {
    core_.on_look(event.seq, event.found.error(), {}, now);
  }
}

void UploadLoop::on_event(CheckpointAnswered& event, Now now) { core_.on_checkpoint(event.stored, now); }

void UploadLoop::on_event(RequestAnswered& event, Now now) { core_.on_reply(event.ticket, event.reply, now); }

void UploadLoop::on_event(FlushCommand& event, Now /*now*/) { core_.flush(event.offset); }

void UploadLoop::on_event(TrimCommand& event, Now now) {
  const std::uint64_t number = trims_.empty() ? 1 : trims_.rbegin()->first + 1;
  trims_.emplace(number, std::move(event.result));
  core_.trim({.number = number,
              .before = event.before,
              .no_writer_sleeps_days = event.options.no_writer_sleeps_days,
              .host = log::host_name(),
              .deadline_ms = in_ms(event.deadline)},
             now);
}

void UploadLoop::on_event(CloseCommand& event, Now now) {
  pool_->stop(Error(Code::closed, "the writer is closed"));
  life_.close_by(event.deadline);
  core_.close(in_ms(event.deadline), now);
}

// Uploading. ---------------------------------------------------------------------------------------

void UploadLoop::upload(Now now) {
  for (;;) {
    if (compression_) prepare_batches();
    const NextStep next = core_.next(supply(), now);
    switch (next.kind) {
      case NextStep::Kind::wait:
        return;
      case NextStep::Kind::close_batch:
        // Often it is complete already; otherwise `batch_ready` will nudge.
        if (!pool_->close_active()) return;
        break;
      case NextStep::Kind::submit_batch:
        submit_ready(now);
        break;
      case NextStep::Kind::submit_empty:
        submit_empty(next.closing, now);
        break;
    }
  }
}

void UploadLoop::prepare_batches() {
  while (compression_->has_room()) {
    Batch* const batch = pool_->take_ready();
    if (batch == nullptr) return;
    compression_->add(*batch, pool_->oldest_closed() != nullptr, !core_.appender().can_submit());
  }
}

// Only as much is found out as the core needs for its choice.
protocol::Supply UploadLoop::supply() {
  protocol::Supply supply{.ready = compression_ ? compression_->ready() : pool_->has_ready()};
  if (supply.ready) return supply;
  supply.closed = pool_->oldest_closed() != nullptr;
  if (supply.closed) return supply;
  supply.preparing = compression_ && !compression_->empty();
  supply.accepts = !compression_ || (compression_->has_room() && !compression_->line_is_full());
  supply.open_begins_at = compression_ ? compression_->end_offset() : core_.appender().end_offset();
  supply.collecting = pool_->active().has_value();
  supply.first_record_ms = signals_.first_record_ms();
  supply.drained = core_.closing() && drained();
  return supply;
}

void UploadLoop::submit_ready(Now now) {
  std::optional<Compressed> compressed;
  if (compression_) compressed = compression_->take();
  Batch* const batch = compression_ ? compressed->batch : pool_->take_ready();
  VARVE_INVARIANT(batch != nullptr && batch->first_offset() == core_.appender().end_offset());
  const protocol::BatchShape shape = lay_out(*batch, compressed ? &*compressed : nullptr);
  metrics_.submitted(now.unix_ms - shape.first_append_unix_ms);
  const format::Header header = core_.submit(shape, now);
  format::encode_header(header, batch->header());
  Flight flight{.batch = batch, .object = pool_->share(*batch, shape.object_bytes)};
  if (compressed) flight.job = compressed->job;
  if (mutated(Mutant::told_before_durable)) {
    acknowledger_->ended(*batch, std::nullopt);
    flight.batch = nullptr;
  }
  depart(std::move(flight), header);
}

void UploadLoop::submit_empty(bool closing, Now now) {
  EmptyObject empty = empty_object();
  const format::Header header =
      core_.submit({.object_bytes = empty.object.data.size(), .closing = closing}, now);
  format::encode_header(header, empty.header);
  depart({.object = std::move(empty.object)}, header);
}

void UploadLoop::depart(Flight flight, const format::Header& header) {
  flight.end_offset = header.end_offset();
  if (compression_) compression_->sent(flight.object.data.size());
  flights_.emplace(header.seq, std::move(flight));
}

// Commands. ----------------------------------------------------------------------------------------

void UploadLoop::carry_out_commands(Now now) {
  for (const WriterCommand& command : core_.take_commands()) carry_out(command);
  for (auto& [ticket, request] : core_.take_requests(now)) {
    log_store_.send(std::move(request), [events = events_, ticket = ticket](protocol::Reply reply) {
      events->post(RequestAnswered{ticket, std::move(reply)});
    });
  }
}

void UploadLoop::carry_out(const WriterCommand& command) {
  const Seq seq = command.seq;
  switch (command.kind) {
    case WriterCommand::Kind::put:
      return put(seq);
    case WriterCommand::Kind::look:
      return log_store_.look(seq, [events = events_, seq](const Result<log::LogStore::Seen>& found) {
        events->post(LookAnswered{seq, found});
      });
    case WriterCommand::Kind::checkpoint:
      return put_checkpoint();
    case WriterCommand::Kind::acknowledge:
      return acknowledge(seq);
    case WriterCommand::Kind::hand_from:
      return standby_->hand_from(seq);
    case WriterCommand::Kind::hand:
      return hand_over(seq);
    case WriterCommand::Kind::let_go:
      return standby_->let_go();
    case WriterCommand::Kind::want_checkpoint:
      return standby_->want_checkpoint();
  }
}

void UploadLoop::put(Seq seq) {
  log_store_.put_object(seq, flights_.at(seq).object, [events = events_, seq](const Result<void>& stored) {
    events->post(PutAnswered{seq, stored ? std::nullopt : std::optional(stored.error())});
  });
}

void UploadLoop::put_checkpoint() {
  protocol::Request request = protocol::Request::make(protocol::Request::Kind::put_checkpoint);
  request.body = format::encode_checkpoint(core_.checkpoint());
  log_store_.send(std::move(request), [events = events_](const protocol::Reply& reply) {
    events->post(CheckpointAnswered{!reply.error});
  });
}

void UploadLoop::hand_over(Seq seq) {
  Flight& flight = flights_.at(seq);
  answered(flight);
  metrics_.ordered(flight.timeline);
  standby_->hand(seq, flight.object);
}

void UploadLoop::acknowledge(Seq seq) {
  Flight flight = std::move(flights_.extract(seq).mapped());
  answered(flight);
  const bool records = flight.batch != nullptr;
  const std::uint64_t record_bytes = records ? flight.batch->body_bytes() : 0;
  metrics_.acknowledged(flight.timeline, records ? flight.batch->records() : 0, record_bytes,
                        flight.object.data.size());
  if (compression_ && records)
    compression_->acknowledged(flight.job, record_bytes, flight.object.data.size());
  publish();  // whoever the watermark wakes finds the status at least as new
  watermark_.advance(flight.end_offset + (mutated(Mutant::watermark_too_high) ? 1 : 0));
  if (records) acknowledger_->ended(*flight.batch, std::nullopt);
}

// The store has said something of it, for the first time.
void UploadLoop::answered(Flight& flight) {
  if (compression_ && flight.unanswered) compression_->answered(flight.object.data.size());
  flight.unanswered = false;
}

void UploadLoop::report_trims() {
  for (auto& [number, result] : core_.take_trim_results()) {
    const auto waiting = trims_.extract(number);
    if (!result) {
      waiting.mapped()->set(result.error());
    } else {
      waiting.mapped()->set(TrimReport{.start_offset = result->start_offset,
                                       .objects_deleted = result->objects_deleted,
                                       .objects_left = result->objects_left});
    }
  }
}

// The end. -----------------------------------------------------------------------------------------

// Nothing will be acknowledged any more: everyone is told, in offset order, what became of theirs.
void UploadLoop::fail_the_rest() {
  const Error& ending = *core_.ending();
  pool_->stop(protocol::refusal_for(ending));
  for (auto& [seq, flight] : flights_) {
    if (flight.batch != nullptr && !mutated(Mutant::rest_not_told))
      acknowledger_->ended(*flight.batch, core_.fate_of(seq));
  }
  flights_.clear();
  while (Batch* const batch = compression_ ? compression_->abandon_oldest() : nullptr)
    acknowledger_->ended(*batch, core_.fate_of_unsent());
  while (Batch* const batch = pool_->take_ready()) acknowledger_->ended(*batch, core_.fate_of_unsent());
  watermark_.end(ending);
  life_.set_held(!drained());
}

// Phase by phase, and without waiting here: the standby ends its work, the last callbacks run.
void UploadLoop::wind_down(Now now) {
  const bool over = core_.ending() || core_.closing();
  if (life_.phase() == Phase::running && over && core_.finished(drained(), now)) {
    life_.stop_standby(core_.ending() ? base::now() : base::now() + standby_patience);
    if (standby_) standby_->stop();
  }
  if (life_.phase() == Phase::stopping_standby) {
    if (standby_ && !standby_->stopped() && base::now() < life_.standby_deadline()) return;
    standby_.reset();
    life_.enter(Phase::telling);
    acknowledger_->no_more();
  }
  if (life_.phase() == Phase::telling && (acknowledger_->all_told() || mutated(Mutant::told_after_close)))
    end();
}

void UploadLoop::end() {
  if (!core_.ending()) watermark_.end(Error(Code::closed, "the writer is closed"));
  publish();
  reporter_.ended(core_);
  for (LoopEvent& event : events_->close()) {
    if (auto* const trim = std::get_if<TrimCommand>(&event))
      trim->result->set(protocol::refusal_for(*watermark_.ending()));
  }
  life_.enter(Phase::ended);
}

base::TimePoint UploadLoop::next_wake() const {
  if (life_.phase() == Phase::stopping_standby) return life_.standby_deadline();
  if (life_.phase() != Phase::running) return base::TimePoint::max();
  const std::optional<std::uint64_t> at_ms = core_.next_tick_ms();
  return at_ms ? base::TimePoint(std::chrono::milliseconds(*at_ms)) : base::TimePoint::max();
}

// What others see. -----------------------------------------------------------------------------------

bool UploadLoop::in_callback() const {
  return acknowledger_->is_in_callback() || life_.is_stepped_by_this_thread();
}

void UploadLoop::publish() {
  const protocol::Appender& appender = core_.appender();
  const protocol::ReplicaTracker& replicas = core_.replicas();
  WriterStatus status;
  status.start_offset = appender.durable_start_offset();
  status.epoch = appender.epoch();
  status.window = appender.window();
  status.uploads_in_flight = core_.ending() ? 0 : appender.in_flight();
  status.objects_acknowledged = metrics_.objects();
  status.put_retries = appender.retries();
  status.waiting_for_store = appender.waiting_for_store() || replicas.stalled();
  if (!replicas.empty()) {
    const protocol::ReplicaStatus replica = replicas.status(0);
    status.standby = {.name = replicas.name(0),
                      .durable_offset = replica.durable_offset,
                      .degraded = replica.degraded,
                      .degraded_since_unix_ms = replica.degraded_since_unix_ms,
                      .unreplicated_records = replica.unreplicated_records,
                      .waiting_for = replica.waiting_for};
  }
  state_.set(std::move(status), replicas.degradations());
}

WriterStatus UploadLoop::status() const {
  WriterStatus status = state_.status();
  // From where `wait_durable` has it: never behind what that said.
  status.failure = watermark_.ending();
  status.durable_offset = watermark_.durable();
  status.end_offset = pool_->end_offset();
  status.buffered_bytes = pool_->buffered_bytes();
  return status;
}

WriterMetrics UploadLoop::metrics() const {
  WriterMetrics metrics;
  metrics_.fill(metrics);
  state_.fill(metrics);
  metrics.requests = log_store_.requests();
  metrics.store = log_store_.store().metrics();
  return metrics;
}

}  // namespace varve::append
