#include "writer/pilot.h"

#include <algorithm>
#include <utility>

#include "courier/system.h"
#include "format/trailer.h"
#include "result/no_memory.h"
#include "result/plant.h"

namespace varve::writer {

using chain::Command;
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

Pilot::Pilot(courier::Courier courier, const chain::Ownership& ownership, const PilotOptions& options,
             std::unique_ptr<Second> second)
    : batch_bytes_(options.batch_bytes),
      courier_(std::move(courier)),
      appender_(ownership, options.appender),
      announcer_(options.on_event, courier_.name_of_log()),
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
                                                     [mailbox = mailbox_] { mailbox->nudge(); })),
      economy_(options.compression == Compression::adaptive
                   ? std::optional<Economy>(Compressor::usual_threads())
                   : std::nullopt),
      taken_end_(ownership.next.offset),
      sweep_from_(ownership.swept_below),
      pairing_(second == nullptr ? nullptr
                                 : std::make_unique<Pairing>(std::move(second), ownership, options.two_stores,
                                                             [mailbox = mailbox_] { mailbox->nudge(); })),
      acknowledger_(std::make_unique<Acknowledger>(pool_, &stages_, courier::Bell::of(courier_.address()))) {
  publish();
  announcer_.opened(ownership);
  drop(ownership.leftovers);
  thread_ = std::thread([this] { run_or_end_process("a writer's uploads", [this] { run(); }); });
}

Pilot::~Pilot() {
  run_or_end_process("a writer's end", [this] { finish(Clock::now()); });
}

void Pilot::finish(Clock::time_point deadline) {
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

void Pilot::run() {
  send_sweep(trimming_.sweep_leftovers(sweep_from_));
  while (!finished_) {
    hear(mailbox_->take(next_wake()));
    appender_.tick(now_ms());
    submit_ready();
    submit_empty_if_wanted();
    close_active_if_due();
    carry_out_commands();
    if (pairing_) attend_second();
    if (appender_.ending()) fail_the_rest();
    publish();
    if (announcer_.observe(appender_, pairing_.get())) stages_.slowed_down();
    finish_if_closed();
  }
  if (pairing_) pairing_->finish(appender_.ending() ? std::chrono::milliseconds(0) : second_patience);
  if (!planted(Plant::told_after_close)) acknowledger_->finish();
  if (!appender_.ending()) watermark_.end(Error(Code::closed, "the writer is closed"));
  publish();
  announcer_.ended(appender_);
  const std::lock_guard lock(finished_mutex_);
  is_finished_ = true;
  finished_changed_.notify_all();
}

void Pilot::finish_if_closed() {
  if (appender_.ending()) {
    finished_ = drained();
  } else if (closing_ && appender_.closed() && flights_.empty()) {
    if (!leave_at_ms_) leave_at_ms_ = now_ms() + checkpoint_patience_ms;
    finished_ = !appender_.checkpoint_in_flight() || now_ms() >= *leave_at_ms_;
  }
}

void Pilot::hear(std::vector<Letter> letters) {
  for (Letter& letter : letters) {
    std::visit([this](auto& one) { hear_one(one); }, letter);
  }
}

void Pilot::hear_one(PutAnswered& letter) {
  if (const auto flight = flights_.find(letter.seq); flight != flights_.end() && !letter.error) {
    stages_.stored(flight->second.course);
    arrived(flight->second);
  }
  appender_.on_put(letter.seq, letter.error, now_ms());
}

void Pilot::hear_one(Looked& letter) {
  if (letter.found) {
    appender_.on_look(letter.seq, letter.found->header, now_ms(), letter.found->sealed_by);
  } else {
    appender_.on_look(letter.seq, letter.found.error(), now_ms());
  }
}

void Pilot::hear_one(CheckpointAnswered& letter) { appender_.on_checkpoint(letter.stored); }

void Pilot::hear_one(SweepAnswered& letter) {
  if (letter.sweep_number != trimming_.sweep_number()) return;
  send_sweep(trimming_.on_reply(letter.reply, now_unix_ms()));
}

void Pilot::hear_one(StopTrimWish& /*letter*/) {
  stop_trimming(
      Error(Code::timed_out, "the trim is not durable yet, for the store is slow or away; trim again later")
          .with_outcome(WriteOutcome::unknown));
}

void Pilot::hear_one(FlushWish& letter) { flush_below_ = std::max(flush_below_, letter.offset); }

void Pilot::hear_one(TrimWish& letter) {
  if (appender_.ending()) return letter.report.set_value(*appender_.ending());
  if (closing_) return letter.report.set_value(Error(Code::closed, "the writer is closed"));
  if (pairing_ && pairing_->says_soon(letter.lowest_live)) {
    waiting_trim_ = std::move(letter);
    return;
  }
  begin_trim(std::move(letter));
}

void Pilot::begin_trim(TrimWish wish) {
  // A second store that starts anew asks for what it has not said that it has.
  if (pairing_ && !planted(Plant::trims_past_second))
    wish.lowest_live = std::min(wish.lowest_live, pairing_->deletable_below());
  trimming_.begin(std::move(wish));
  send_sweep(trimming_.on_acknowledged(now_unix_ms()));
}

void Pilot::stop_trimming(const Error& reason) {
  if (waiting_trim_) waiting_trim_->report.set_value(reason);
  waiting_trim_.reset();
  trimming_.stop(reason);
}

void Pilot::hear_one(CloseWish& /*letter*/) {
  closing_ = true;
  const Error closed(Code::closed, "the writer is closed");
  pool_->stop(closed);
  stop_trimming(closed);
}

void Pilot::hear_one(AbandonWish& letter) {
  closing_ = true;
  if (appender_.closed() && flights_.empty()) {
    leave_at_ms_ = now_ms();
  } else {
    appender_.abandon(letter.error);
  }
}

void Pilot::submit_ready() {
  if (compressor_) return submit_compressed();
  while (appender_.can_submit()) {
    Batch* batch = pool_->take_ready();
    if (batch == nullptr) return;
    submit(batch);
  }
}

// Into the compressor, and out of it, as far as there is room on both sides.
void Pilot::submit_compressed() {
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

void Pilot::hand_to_compressor(Batch& batch) {
  taken_end_ = batch.first_offset() + batch.records();
  if (!economy_) return compressor_->add(batch, {.packing = packing_});
  const bool full = line_is_full() || !appender_.can_submit();
  const Economy::Sight sight{.others_wait = full || pool_->oldest_closed() != nullptr, .line_full = full};
  compressor_->add(batch, economy_->order(batch.body_bytes(), sight, Clock::now()));
}

void Pilot::submit_from(const Compressed& compressed) {
  const std::uint64_t bytes = compressed.batch->body_bytes();
  if (compressed.took.count() > 0)
    stages_.packed(compressed.is_packed ? compressed.packing.codec : format::Codec::none, compressed.took);
  if (economy_) {
    economy_->done(
        {.packing = compressed.packing,
         .bytes = bytes,
         .packed_bytes = compressed.is_packed ? compressed.packed.packed_end - format::header_bytes : bytes,
         .cpu = compressed.cpu,
         .sample_cpu = compressed.sample_cpu,
         .sample = compressed.sample});
  }
  submit(compressed.batch, &compressed);
}

void Pilot::arrived(Flight& flight) {
  if (economy_ && flight.on_the_line) economy_->line().arrive(flight.object.data.size(), Clock::now());
  flight.on_the_line = false;
}

// Finishes the object that begins at the batch's front, but for its header.
std::span<std::byte, format::header_bytes> Pilot::lay_out(Batch& batch, const Compressed* compressed,
                                                          chain::BatchShape& shape) {
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
void Pilot::submit(Batch* batch, const Compressed* compressed) {
  chain::BatchShape shape;
  Flight flight{.batch = batch, .object = {}};
  std::span<std::byte, format::header_bytes> front(static_cast<std::byte*>(nullptr), format::header_bytes);
  if (batch != nullptr) {
    front = lay_out(*batch, compressed, shape);
    stages_.submitted(now_unix_ms() - shape.first_append_unix_ms);
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
  if (planted(Plant::told_before_durable)) {
    if (batch != nullptr) acknowledger_->ended(*batch, std::nullopt);
    flight.batch = nullptr;
  }
  if (economy_) economy_->line().depart(flight.object.data.size());
  if (compressed != nullptr) flight.order = compressed->order;
  flights_.emplace(header.seq, std::move(flight));
  pacing_.spend(now_ms());
}

void Pilot::submit_empty_if_wanted() {
  if (!appender_.can_submit()) return;
  const bool nothing_collected = !pool_->active() && pool_->oldest_closed() == nullptr && nothing_taken();
  if (!nothing_collected) return;
  const bool close_now = closing_ && drained() && appender_.in_flight() == 0;
  if (close_now || appender_.trim_wants_object()) submit(nullptr);
}

void Pilot::close_active_if_due() {
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

void Pilot::carry_out_commands() {
  // Carrying out may give rise to more (an acknowledged trim), but each round ends something.
  for (std::vector<Command> commands = appender_.take_commands(); !commands.empty();
       commands = appender_.take_commands()) {
    for (const Command& command : commands) carry_out(command);
  }
}

void Pilot::carry_out(const Command& command) {
  const Seq seq = command.seq;
  switch (command.kind) {
    case Command::Kind::put:
      return courier_.put_object(
          seq, flights_.at(seq).object, [mailbox = mailbox_, seq](const Result<void>& stored) {
            mailbox->post(PutAnswered{seq, stored ? std::nullopt : std::optional(stored.error())});
          });
    case Command::Kind::look:
      return courier_.look(seq, [mailbox = mailbox_, seq](const Result<courier::Courier::Seen>& found) {
        mailbox->post(Looked{seq, found});
      });
    case Command::Kind::acknowledge:
      if (pairing_) {
        stored_at_first(seq);
      } else {
        acknowledge(std::move(flights_.extract(seq).mapped()));
      }
      return send_sweep(trimming_.on_acknowledged(now_unix_ms()));
    case Command::Kind::checkpoint: {
      chain::Request request = chain::Request::make(chain::Request::Kind::put_checkpoint);
      request.body = format::encode_checkpoint(appender_.checkpoint());
      return courier_.send(std::move(request), [mailbox = mailbox_](const chain::Reply& reply) {
        mailbox->post(CheckpointAnswered{!reply.error});
      });
    }
  }
}

void Pilot::acknowledge(Flight flight) {
  arrived(flight);
  const bool records = flight.batch != nullptr;
  stages_.acknowledged(flight.course, records ? flight.batch->records() : 0,
                       records ? flight.batch->body_bytes() : 0, flight.object.data.size(), batch_bytes_);
  ++objects_acknowledged_;
  if (economy_ && records)
    economy_->acknowledged(flight.order, flight.batch->body_bytes(), flight.object.data.size(), Clock::now());
  publish();  // whoever the watermark wakes finds the status at least as new
  watermark_.advance(flight.end_offset + (planted(Plant::watermark_too_high) ? 1 : 0));
  if (flight.batch != nullptr) acknowledger_->ended(*flight.batch, std::nullopt);
}

void Pilot::stored_at_first(Seq seq) {
  Flight& flight = flights_.at(seq);
  arrived(flight);
  stages_.ordered(flight.course);
  flight.at_first = true;
  pairing_->stored_at_first(seq, flight.end_offset, flight.object, now_ms());
}

void Pilot::attend_second() {
  if (appender_.ending()) return;
  pairing_->attend(now_ms(), now_unix_ms());
  for (const Seq seq : pairing_->take_acknowledged()) acknowledge(std::move(flights_.extract(seq).mapped()));
  if (waiting_trim_ && !pairing_->says_soon(waiting_trim_->lowest_live)) {
    TrimWish wish = *std::move(waiting_trim_);
    waiting_trim_.reset();
    begin_trim(std::move(wish));
    mailbox_->nudge();  // an object has to carry it
  }
  if (pairing_->ending()) appender_.abandon(pairing_->ending()->with_outcome(WriteOutcome::unknown));
}

void Pilot::send_sweep(chain::Requests requests) {
  for (chain::Request& request : requests) {
    courier_.send(std::move(request),
                  [mailbox = mailbox_, number = trimming_.sweep_number()](chain::Reply reply) {
                    mailbox->post(SweepAnswered{number, std::move(reply)});
                  });
  }
}

// What lies in voids can never count; if the store does not manage now, a later trim comes by.
void Pilot::drop(const std::vector<chain::ListedSeq>& leftovers) {
  chain::Request request = chain::Request::make(chain::Request::Kind::remove);
  for (const chain::ListedSeq& leftover : leftovers) {
    request.seqs.push_back(leftover.seq);
    if (request.seqs.size() == chain::page_limit) break;
  }
  if (!request.seqs.empty()) courier_.send(std::move(request), [](const chain::Reply&) {});
}

// Nothing will be acknowledged any more: everyone is told, in offset order, what became of theirs.
void Pilot::fail_the_rest() {
  const Error& ending = *appender_.ending();
  pool_->stop(ending);
  stop_trimming(ending);
  for (auto& [seq, flight] : flights_) {
    if (flight.batch != nullptr && !planted(Plant::rest_not_told))
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

std::optional<Clock::time_point> Pilot::next_wake() const {
  std::optional<std::uint64_t> at = appender_.next_tick_ms();
  const auto second_tick = pairing_ ? pairing_->next_tick_ms() : std::nullopt;
  for (const std::optional<std::uint64_t>& other : {active_due_ms_, leave_at_ms_, second_tick}) {
    if (other) at = at ? std::min(*at, *other) : *other;
  }
  if (!at) return std::nullopt;
  return Clock::time_point(std::chrono::milliseconds(*at));
}

std::uint64_t Pilot::now_ms() const {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count());
}

std::int64_t Pilot::now_unix_ms() noexcept { return courier::unix_ms(); }

void Pilot::first_record() noexcept {
  first_record_ms_.store(now_ms(), std::memory_order_relaxed);
  mailbox_->nudge();
}

void Pilot::batch_ready() noexcept {
  if (!planted(Plant::nudge_forgotten)) mailbox_->nudge();
}

void Pilot::publish() {
  const std::lock_guard lock(status_mutex_);
  status_.start_offset = appender_.durable_start_offset();
  status_.epoch = appender_.epoch();
  status_.window = appender_.window();
  status_.uploads_in_flight = appender_.ending() ? 0 : appender_.in_flight();
  status_.objects_acknowledged = objects_acknowledged_;
  status_.put_retries = appender_.retries();
  status_.waiting_for_store = appender_.waiting_for_store();
  if (pairing_) {
    status_.waiting_for_store = status_.waiting_for_store || pairing_->waits_for_second();
    status_.second = pairing_->status();
    times_alone_.store(pairing_->times_alone(), std::memory_order_relaxed);
  }
}

WriterStatus Pilot::status() const {
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

WriterMetrics Pilot::metrics() const {
  WriterMetrics metrics;
  stages_.fill(metrics);
  metrics.cut_objects = cut_objects_;
  metrics.times_alone = times_alone_.load(std::memory_order_relaxed);
  metrics.requests = courier_.requests();
  metrics.store = courier_.store().metrics();
  return metrics;
}

}  // namespace varve::writer
