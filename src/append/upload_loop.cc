#include "append/upload_loop.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/mutant.h"
#include "base/no_memory.h"
#include "base/thread.h"
#include "format/trailer.h"
#include "log/system.h"

namespace varve::append {

using protocol::Command;
using Clock = std::chrono::steady_clock;

namespace {

// The checkpoint at the end is a hint: not worth waiting for for long.
constexpr std::uint64_t checkpoint_patience_ms = 2'000;

Bytes empty_object() {
  auto memory = std::make_shared<std::vector<std::byte>>(format::header_bytes + format::trailer_bytes(0));
  format::encode_trailer({}, std::span(*memory).subspan(format::header_bytes));
  return {*memory, memory};
}

// Likewise what the second store's mirror writes at the end.
constexpr std::chrono::milliseconds second_patience{2'000};

// What a codec is asked for by name.
constexpr int zstd_usual_level = 3;

format::Packing packing_of(Compression compression, int level) {
  switch (compression) {
    case Compression::lz4:
      return {.codec = format::Codec::lz4};
    case Compression::zstd:
      return {.codec = format::Codec::zstd, .level = level == 0 ? zstd_usual_level : level};
    default:
      return {};
  }
}

}  // namespace

UploadLoop::UploadLoop(log::LogStore log_store, const protocol::Ownership& ownership,
                       const UploadLoopOptions& options, std::unique_ptr<Second> second)
    : batch_bytes_(options.batch_bytes),
      log_store_(std::move(log_store)),
      appender_(ownership, options.appender),
      event_reporter_(options.on_event, log_store_.name_of_log()),
      cut_objects_(ownership.cut_objects),
      trimming_(appender_),
      pacing_(options.pacing),
      pool_(BatchPool::create({.batch_bytes = options.batch_bytes,
                               .buffered_bytes_max = options.buffered_bytes_max,
                               .window = ownership.next.window,
                               .first_offset = ownership.next.offset},
                              *this)),
      watermark_(ownership.next.offset),
      packing_(packing_of(options.compression, options.compression_level)),
      compressor_(options.compression == Compression::none
                      ? nullptr
                      : std::make_unique<Compressor>(Compressor::usual_threads(),
                                                     [event_queue = event_queue_] { event_queue->nudge(); })),
      cost_model_(options.compression == Compression::adaptive
                      ? std::optional<CostModel>(Compressor::usual_threads())
                      : std::nullopt),
      taken_end_(ownership.next.offset),
      sweep_from_(ownership.swept_below),
      replica_tracker_(second == nullptr ? nullptr
                                         : std::make_unique<ReplicaTracker>(
                                               std::move(second), ownership, options.commit_rule,
                                               [event_queue = event_queue_] { event_queue->nudge(); })),
      acknowledger_(std::make_unique<Acknowledger>(pool_, &upload_metrics_,
                                                   log::AppendNotifier::of(log_store_.address()))) {
  publish();
  event_reporter_.opened(ownership);
  drop(ownership.leftovers);
  thread_ = base::Thread([this] { run_or_end_process("a writer's uploads", [this] { run(); }); });
}

UploadLoop::~UploadLoop() {
  run_or_end_process("a writer's end", [this] { finish(base::now()); });
}

void UploadLoop::finish(Clock::time_point deadline) {
  {
    std::unique_lock lock(finished_mutex_);
    const auto finished = [this] { return is_finished_; };
    if (deadline == Clock::time_point::max()) {
      finished_changed_.wait(lock, finished);
    } else if (!finished_changed_.wait_until(lock, deadline, finished)) {
      wish(AbandonWish{Error(Code::timed_out, "closed before everything was stored")});
      finished_changed_.wait(lock, finished);
    }
  }
  if (thread_.joinable()) thread_.join();
}

void UploadLoop::run() {
  send_sweep(trimming_.sweep_leftovers(sweep_from_));
  while (!finished_) {
    hear(event_queue_->take(next_wake()));
    appender_.tick(now_ms());
    submit_ready();
    submit_empty_if_wanted();
    close_active_if_due();
    carry_out_commands();
    if (replica_tracker_) attend_second();
    if (appender_.ending()) fail_the_rest();
    publish();
    if (event_reporter_.observe(appender_, replica_tracker_.get())) upload_metrics_.slowed_down();
    finish_if_closed();
  }
  if (replica_tracker_)
    replica_tracker_->finish(appender_.ending() ? std::chrono::milliseconds(0) : second_patience);
  if (!mutated(Mutant::told_after_close)) acknowledger_->finish();
  if (!appender_.ending()) watermark_.end(Error(Code::closed, "the writer is closed"));
  publish();
  event_reporter_.ended(appender_);
  const std::lock_guard lock(finished_mutex_);
  is_finished_ = true;
  finished_changed_.notify_all();
}

void UploadLoop::finish_if_closed() {
  if (appender_.ending()) {
    finished_ = drained();
  } else if (closing_ && appender_.closed() && flights_.empty()) {
    if (!leave_at_ms_) leave_at_ms_ = now_ms() + checkpoint_patience_ms;
    finished_ = !appender_.checkpoint_in_flight() || now_ms() >= *leave_at_ms_;
  }
}

void UploadLoop::hear(std::vector<Letter> events) {
  for (Letter& event : events) {
    std::visit([this](auto& one) { hear_one(one); }, event);
  }
}

void UploadLoop::hear_one(PutAnswered& event) {
  if (const auto flight = flights_.find(event.seq); flight != flights_.end() && !event.error) {
    upload_metrics_.stored(flight->second.course);
    arrived(flight->second);
  }
  appender_.on_put(event.seq, event.error, now_ms());
}

void UploadLoop::hear_one(Looked& event) {
  if (event.found) {
    appender_.on_look(event.seq, event.found->header, now_ms(), event.found->sealed_by);
  } else {
    appender_.on_look(event.seq, event.found.error(), now_ms());
  }
}

void UploadLoop::hear_one(CheckpointAnswered& event) { appender_.on_checkpoint(event.stored); }

void UploadLoop::hear_one(SweepAnswered& event) {
  if (event.sweep_number != trimming_.sweep_number()) return;
  send_sweep(trimming_.on_reply(event.reply, now_unix_ms()));
}

void UploadLoop::hear_one(StopTrimWish& /*event*/) {
  stop_trimming(
      Error(Code::timed_out, "the trim is not durable yet, for the store is slow or away; trim again later")
          .with_outcome(WriteOutcome::unknown));
}

void UploadLoop::hear_one(FlushWish& event) { flush_below_ = std::max(flush_below_, event.offset); }

void UploadLoop::hear_one(TrimWish& event) {
  if (appender_.ending()) return event.report.set_value(*appender_.ending());
  if (closing_) return event.report.set_value(Error(Code::closed, "the writer is closed"));
  if (replica_tracker_ && replica_tracker_->says_soon(event.lowest_live)) {
    waiting_trim_ = std::move(event);
    return;
  }
  begin_trim(std::move(event));
}

void UploadLoop::begin_trim(TrimWish wish) {
  // A second store that starts anew asks for what it has not said that it has.
  if (replica_tracker_ && !mutated(Mutant::trims_past_second))
    wish.lowest_live = std::min(wish.lowest_live, replica_tracker_->deletable_below());
  trimming_.begin(std::move(wish));
  send_sweep(trimming_.on_acknowledged(now_unix_ms()));
}

void UploadLoop::stop_trimming(const Error& reason) {
  if (waiting_trim_) waiting_trim_->report.set_value(reason);
  waiting_trim_.reset();
  trimming_.stop(reason);
}

void UploadLoop::hear_one(CloseWish& /*event*/) {
  closing_ = true;
  const Error closed(Code::closed, "the writer is closed");
  pool_->stop(closed);
  stop_trimming(closed);
}

void UploadLoop::hear_one(AbandonWish& event) {
  closing_ = true;
  if (appender_.closed() && flights_.empty()) {
    leave_at_ms_ = now_ms();
  } else {
    appender_.abandon(event.error);
  }
}

void UploadLoop::submit_ready() {
  if (compressor_) return submit_compressed();
  while (appender_.can_submit()) {
    Batch* batch = pool_->take_ready();
    if (batch == nullptr) return;
    submit(batch);
  }
}

// Into the compressor, and out of it, as far as there is room on both sides.
void UploadLoop::submit_compressed() {
  for (bool moved = true; moved;) {
    moved = false;
    if (Batch* const batch = compressor_->has_room() ? pool_->take_ready() : nullptr; batch != nullptr) {
      hand_to_compressor(*batch);
      moved = true;
    }
    // What waits here is compressed by what is known when it goes.
    if (!appender_.can_submit() || line_is_full()) continue;
    if (const auto compressed = compressor_->take()) {
      submit_from(*compressed);
      moved = true;
    }
  }
}

void UploadLoop::hand_to_compressor(Batch& batch) {
  taken_end_ = batch.first_offset() + batch.records();
  if (!cost_model_) return compressor_->add(batch, {.packing = packing_});
  const bool full = line_is_full() || !appender_.can_submit();
  const CostModel::Sight sight{.others_wait = full || pool_->oldest_closed() != nullptr, .line_full = full};
  compressor_->add(batch, cost_model_->order(batch.body_bytes(), sight, base::now()));
}

void UploadLoop::submit_from(const Compressed& compressed) {
  const std::uint64_t bytes = compressed.batch->body_bytes();
  if (compressed.took.count() > 0)
    upload_metrics_.packed(compressed.is_packed ? compressed.packing.codec : format::Codec::none,
                           compressed.took);
  if (cost_model_) {
    cost_model_->done(
        {.packing = compressed.packing,
         .bytes = bytes,
         .packed_bytes = compressed.is_packed ? compressed.packed.packed_end - format::header_bytes : bytes,
         .cpu = compressed.cpu,
         .sample_cpu = compressed.sample_cpu,
         .sample = compressed.sample});
  }
  submit(compressed.batch, &compressed);
}

void UploadLoop::arrived(Flight& flight) {
  if (cost_model_ && flight.on_the_line) cost_model_->line().arrive(flight.object.data.size(), base::now());
  flight.on_the_line = false;
}

// Finishes the object that begins at the batch's front, but for its header.
std::span<std::byte, format::header_bytes> UploadLoop::lay_out(Batch& batch, const Compressed* compressed,
                                                               protocol::BatchShape& shape) {
  const std::span<const format::IndexEntry> index = batch.index();
  shape.record_count = batch.records();
  shape.body_end = batch.body_end();
  shape.first_append_unix_ms = batch.first_append_unix_ms();
  if (compressed == nullptr || !compressed->is_packed) {
    format::encode_trailer(index, batch.trailer());
    shape.object_bytes = batch.object_bytes();
  } else {
    const format::PackedBody& packed = compressed->packed;
    shape.codec = compressed->packing.codec;
    shape.block_log2 = compressed->packing.block_log2;
    shape.packed_end = packed.packed_end;
    const std::size_t trailer_bytes = format::trailer_bytes(index.size() + packed.blocks.size());
    format::encode_trailer(index, packed.blocks, {batch.at(packed.packed_end), trailer_bytes});
    shape.object_bytes = packed.packed_end + trailer_bytes;
    VARVE_INVARIANT(shape.object_bytes < batch.object_bytes());
  }
  return batch.header();
}

// Gives the batch its place in the log and its header; an object without records if there is none.
void UploadLoop::submit(Batch* batch, const Compressed* compressed) {
  protocol::BatchShape shape;
  Flight flight{.batch = batch, .object = {}};
  std::span<std::byte, format::header_bytes> front(static_cast<std::byte*>(nullptr), format::header_bytes);
  if (batch != nullptr) {
    front = lay_out(*batch, compressed, shape);
    upload_metrics_.submitted(now_unix_ms() - shape.first_append_unix_ms);
    VARVE_INVARIANT(batch->first_offset() == appender_.end_offset());
  } else {
    flight.object = empty_object();
    shape.object_bytes = flight.object.data.size();
    front = std::span<std::byte, format::header_bytes>(const_cast<std::byte*>(flight.object.data.data()),
                                                       format::header_bytes);
  }
  // The last object has no records, and is made when all before it are stored and it can say so: from
  // then on, whatever goes missing below it is known to be lost, not unfinished.
  shape.closing = batch == nullptr && closing_ && drained() && appender_.in_flight() == 0;
  const format::Header header = appender_.submit(shape, now_unix_ms(), now_ms());
  flight.end_offset = header.end_offset();
  format::encode_header(header, front);
  if (batch != nullptr) flight.object = pool_->share(*batch, shape.object_bytes);
  if (mutated(Mutant::told_before_durable)) {
    if (batch != nullptr) acknowledger_->ended(*batch, std::nullopt);
    flight.batch = nullptr;
  }
  if (cost_model_) cost_model_->line().depart(flight.object.data.size());
  if (compressed != nullptr) flight.order = compressed->order;
  flights_.emplace(header.seq, std::move(flight));
  pacing_.spend(now_ms());
}

void UploadLoop::submit_empty_if_wanted() {
  if (!appender_.can_submit()) return;
  const bool nothing_collected = !pool_->active() && pool_->oldest_closed() == nullptr && nothing_taken();
  if (!nothing_collected) return;
  const bool close_now = closing_ && drained() && appender_.in_flight() == 0;
  if (close_now || appender_.trim_wants_object()) submit(nullptr);
}

void UploadLoop::close_active_if_due() {
  active_due_ms_.reset();
  if (!appender_.can_submit() || pool_->oldest_closed() != nullptr) return;
  if (compressor_ && !compressor_->has_room()) return;
  if (line_is_full()) return;
  const auto active = pool_->active();
  if (!active) return;
  const bool hurry = closing_ || appender_.trim_wants_object() || flush_below_ > taken_end();
  const std::uint64_t now = now_ms();
  const std::uint64_t due =
      hurry ? now
            : pacing_.due_ms(std::min(first_record_ms_.load(std::memory_order_relaxed), now),
                             appender_.in_flight() == 0 && nothing_taken(), now);
  if (due > now) {
    active_due_ms_ = due;
    return;
  }
  pool_->close_active();
  submit_ready();  // often it is complete already; otherwise `batch_ready` will nudge
}

void UploadLoop::carry_out_commands() {
  // Carrying out may give rise to more (an acknowledged trim), but each round ends something.
  for (std::vector<Command> commands = appender_.take_commands(); !commands.empty();
       commands = appender_.take_commands()) {
    for (const Command& command : commands) carry_out(command);
  }
}

void UploadLoop::carry_out(const Command& command) {
  const Seq seq = command.seq;
  switch (command.kind) {
    case Command::Kind::put:
      return log_store_.put_object(
          seq, flights_.at(seq).object, [event_queue = event_queue_, seq](const Result<void>& stored) {
            event_queue->post(PutAnswered{seq, stored ? std::nullopt : std::optional(stored.error())});
          });
    case Command::Kind::look:
      return log_store_.look(seq,
                             [event_queue = event_queue_, seq](const Result<log::LogStore::Seen>& found) {
                               event_queue->post(Looked{seq, found});
                             });
    case Command::Kind::acknowledge:
      if (replica_tracker_) {
        stored_at_first(seq);
      } else {
        acknowledge(std::move(flights_.extract(seq).mapped()));
      }
      return send_sweep(trimming_.on_acknowledged(now_unix_ms()));
    case Command::Kind::checkpoint: {
      protocol::Request request = protocol::Request::make(protocol::Request::Kind::put_checkpoint);
      request.body = format::encode_checkpoint(appender_.checkpoint());
      return log_store_.send(std::move(request), [event_queue = event_queue_](const protocol::Reply& reply) {
        event_queue->post(CheckpointAnswered{!reply.error});
      });
    }
  }
}

void UploadLoop::acknowledge(Flight flight) {
  arrived(flight);
  const bool records = flight.batch != nullptr;
  upload_metrics_.acknowledged(flight.course, records ? flight.batch->records() : 0,
                               records ? flight.batch->body_bytes() : 0, flight.object.data.size(),
                               batch_bytes_);
  ++objects_acknowledged_;
  if (cost_model_ && records)
    cost_model_->acknowledged(flight.order, flight.batch->body_bytes(), flight.object.data.size(),
                              base::now());
  publish();  // whoever the watermark wakes finds the status at least as new
  watermark_.advance(flight.end_offset + (mutated(Mutant::watermark_too_high) ? 1 : 0));
  if (flight.batch != nullptr) acknowledger_->ended(*flight.batch, std::nullopt);
}

void UploadLoop::stored_at_first(Seq seq) {
  Flight& flight = flights_.at(seq);
  arrived(flight);
  upload_metrics_.ordered(flight.course);
  flight.at_first = true;
  replica_tracker_->stored_at_first(seq, flight.end_offset, flight.object, now_ms());
}

void UploadLoop::attend_second() {
  if (appender_.ending()) return;
  replica_tracker_->attend(now_ms(), now_unix_ms());
  for (const Seq seq : replica_tracker_->take_acknowledged())
    acknowledge(std::move(flights_.extract(seq).mapped()));
  if (waiting_trim_ && !replica_tracker_->says_soon(waiting_trim_->lowest_live)) {
    TrimWish wish = *std::move(waiting_trim_);
    waiting_trim_.reset();
    begin_trim(std::move(wish));
    event_queue_->nudge();  // an object has to carry it
  }
  if (replica_tracker_->ending())
    appender_.abandon(replica_tracker_->ending()->with_outcome(WriteOutcome::unknown));
}

void UploadLoop::send_sweep(protocol::Requests requests) {
  for (protocol::Request& request : requests) {
    log_store_.send(std::move(request),
                    [event_queue = event_queue_, number = trimming_.sweep_number()](protocol::Reply reply) {
                      event_queue->post(SweepAnswered{number, std::move(reply)});
                    });
  }
}

// What lies in voids can never count; if the store does not manage now, a later trim comes by.
void UploadLoop::drop(const std::vector<protocol::ListedSeq>& leftovers) {
  protocol::Request request = protocol::Request::make(protocol::Request::Kind::remove);
  for (const protocol::ListedSeq& leftover : leftovers) {
    request.seqs.push_back(leftover.seq);
    if (request.seqs.size() == protocol::page_limit) break;
  }
  if (!request.seqs.empty()) log_store_.send(std::move(request), [](const protocol::Reply&) {});
}

// Nothing will be acknowledged any more: everyone is told, in offset order, what became of theirs.
void UploadLoop::fail_the_rest() {
  const Error& ending = *appender_.ending();
  pool_->stop(ending);
  stop_trimming(ending);
  for (auto& [seq, flight] : flights_) {
    if (flight.batch != nullptr && !mutated(Mutant::rest_not_told))
      acknowledger_->ended(*flight.batch, flight.at_first ? ending.with_outcome(WriteOutcome::unknown)
                                                          : appender_.fate_of(seq));
  }
  flights_.clear();
  while (Batch* batch = compressor_ ? compressor_->abandon_oldest() : nullptr)
    acknowledger_->ended(*batch, appender_.fate_of_unsent());
  pool_->close_active();
  while (Batch* batch = pool_->take_ready()) acknowledger_->ended(*batch, appender_.fate_of_unsent());
  watermark_.end(ending);
}

std::optional<Clock::time_point> UploadLoop::next_wake() const {
  std::optional<std::uint64_t> at = appender_.next_tick_ms();
  const auto second_tick = replica_tracker_ ? replica_tracker_->next_tick_ms() : std::nullopt;
  for (const std::optional<std::uint64_t>& other : {active_due_ms_, leave_at_ms_, second_tick}) {
    if (other) at = at ? std::min(*at, *other) : *other;
  }
  if (!at) return std::nullopt;
  return Clock::time_point(std::chrono::milliseconds(*at));
}

std::uint64_t UploadLoop::now_ms() const {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(base::now().time_since_epoch()).count());
}

std::int64_t UploadLoop::now_unix_ms() noexcept { return base::unix_ms(); }

void UploadLoop::first_record() noexcept {
  first_record_ms_.store(now_ms(), std::memory_order_relaxed);
  event_queue_->nudge();
}

void UploadLoop::batch_ready() noexcept {
  if (!mutated(Mutant::nudge_forgotten)) event_queue_->nudge();
}

void UploadLoop::publish() {
  const std::lock_guard lock(status_mutex_);
  status_.start_offset = appender_.durable_start_offset();
  status_.epoch = appender_.epoch();
  status_.window = appender_.window();
  status_.uploads_in_flight = appender_.ending() ? 0 : appender_.in_flight();
  status_.objects_acknowledged = objects_acknowledged_;
  status_.put_retries = appender_.retries();
  status_.waiting_for_store = appender_.waiting_for_store();
  if (replica_tracker_) {
    status_.waiting_for_store = status_.waiting_for_store || replica_tracker_->waits_for_second();
    status_.second = replica_tracker_->status();
    times_alone_.store(replica_tracker_->times_alone(), std::memory_order_relaxed);
  }
}

WriterStatus UploadLoop::status() const {
  WriterStatus status;
  {
    const std::lock_guard lock(status_mutex_);
    status = status_;
  }
  // From where `wait_durable` has it: never behind what that said.
  status.failure = watermark_.ending();
  status.durable_offset = watermark_.durable();
  status.end_offset = pool_->end_offset();
  status.buffered_bytes = pool_->buffered_bytes();
  return status;
}

WriterMetrics UploadLoop::metrics() const {
  WriterMetrics metrics;
  upload_metrics_.fill(metrics);
  metrics.cut_objects = cut_objects_;
  metrics.times_alone = times_alone_.load(std::memory_order_relaxed);
  metrics.requests = log_store_.requests();
  metrics.store = log_store_.store().metrics();
  return metrics;
}

}  // namespace varve::append
