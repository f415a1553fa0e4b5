#include "sim/writer.h"

#include <fmt/format.h>

#include "testing/test_log.h"

namespace varve::sim {

using format::Header;
using protocol::NextStep;
using protocol::Now;
using protocol::Reply;
using protocol::Request;
using protocol::WriterCommand;
using Purpose = Call::Purpose;

namespace {

Now at(std::uint64_t now_ms) { return {.ms = now_ms, .unix_ms = 1}; }

}  // namespace

Writer::Writer(Options options) : options_(std::move(options)) {}

void Writer::open(Oracle& /*oracle*/) {
  if (options_.recorder != nullptr) options_.recorder->opens(options_.number, protocol::Purpose::write);
  takeover_.emplace(protocol::Claimant{.writer_id = protocol::test_id(options_.number),
                                       .new_log_id = protocol::test_id(1'000'000 + options_.number),
                                       .new_window = options_.window,
                                       .host = "",
                                       .pid = 0});
  for (Request& request : takeover_->start(1)) calls_.push_back({Purpose::takeover, std::move(request)});
}

void Writer::on(const Call& call, const Reply& reply, std::uint64_t now_ms, Oracle& oracle) {
  if (over_) return;
  if (call.purpose == Purpose::takeover) {
    on_takeover(reply, now_ms, oracle);
  } else if (core_) {
    switch (call.purpose) {
      case Purpose::put:
        core_->on_put(reply.seq, reply.error, at(now_ms));
        break;
      case Purpose::look:
        core_->on_look(reply.seq, protocol::header_in(reply), {}, at(now_ms));
        break;
      case Purpose::checkpoint:
        core_->on_checkpoint(!reply.error, at(now_ms));
        break;
      case Purpose::trim:
        core_->on_reply(call.round, reply, at(now_ms));
        break;
      default:
        break;
    }
  }
  drive(now_ms, oracle);
}

void Writer::on_takeover(const Reply& reply, std::uint64_t now_ms, Oracle& oracle) {
  if (!takeover_) return;
  // What a courier does: what may pass is tried again, here without a pause.
  if (!is_an_answer(reply)) return oracle.violated("a courier's retry reached the machine");
  for (Request& request : takeover_->on(reply, 1)) calls_.push_back({Purpose::takeover, std::move(request)});
  if (!takeover_->done()) return;
  const Result<protocol::Ownership> ownership = takeover_->result();
  takeover_.reset();
  if (!ownership) {
    oracle.failed(ownership.error(), damaged_, "an opener");
    if (options_.recorder != nullptr)
      options_.recorder->is_told(options_.number, ownership.error().code(), 0);
    over_ = true;
    return;
  }
  own(*ownership, now_ms);
}

void Writer::own(const protocol::Ownership& ownership, std::uint64_t now_ms) {
  core_.emplace(ownership,
                protocol::WriterCoreOptions{.appender = options_.appender, .pacing = options_.pacing},
                at(now_ms));
  if (options_.recorder != nullptr) options_.recorder->owns(options_.number, ownership);
  noted_start_ = ownership.seal.start_offset;
  newest_ = ownership.seal;
  next_acknowledged_ = ownership.next.seq;
}

protocol::Supply Writer::supply() const {
  return {.ready = !closed_batches_.empty(),
          .collecting = open_records_ > 0,
          .first_record_ms = first_record_ms_,
          .open_begins_at = core_->appender().end_offset(),
          .drained = core_->closing() && closed_batches_.empty() && open_records_ == 0};
}

void Writer::append(std::uint32_t records, std::uint64_t now_ms, Oracle& oracle) {
  if (open_records_ == 0) first_record_ms_ = now_ms;
  open_records_ += records;
  drive(now_ms, oracle);
}

void Writer::append_full(std::uint32_t records, std::uint64_t now_ms, Oracle& oracle) {
  closed_batches_.push_back(records + std::exchange(open_records_, 0));
  drive(now_ms, oracle);
}

void Writer::flush(std::uint64_t now_ms, Oracle& oracle) {
  core_->flush(core_->appender().end_offset() + open_records_);
  drive(now_ms, oracle);
}

void Writer::trim(Offset before, std::uint64_t deadline_ms, std::uint64_t now_ms, Oracle& oracle) {
  scan_begun_ = oracle.now();
  scan_ended_at_.reset();
  oracle.trim_wished(before);
  if (options_.recorder != nullptr && !trimming()) options_.recorder->looks(options_.number);
  core_->trim({.number = 1, .before = before, .deadline_ms = deadline_ms}, at(now_ms));
  drive(now_ms, oracle);
}

void Writer::close(std::uint64_t deadline_ms, std::uint64_t now_ms, Oracle& oracle) {
  // As an intake does that is stopped: what was collected becomes a batch.
  if (open_records_ > 0) closed_batches_.push_back(std::exchange(open_records_, 0));
  core_->close(deadline_ms, at(now_ms));
  drive(now_ms, oracle);
}

std::optional<Oracle::Moment> Writer::survey_begun() const {
  const bool scanning = core_ && core_->trim() && core_->trim()->stage() == protocol::Trim::Stage::scanning;
  return scanning ? std::optional(scan_begun_) : std::nullopt;
}

void Writer::submit(std::uint32_t records, bool closing, std::uint64_t now_ms) {
  note_trim();
  newest_ = core_->submit(protocol::test_batch(records, closing), at(now_ms));
  flights_.emplace(newest_.seq, newest_);
}

// As the upload loop's step: the core hears of the time first.
void Writer::drive(std::uint64_t now_ms, Oracle& oracle) {
  if (!core_ || over_) return;
  core_->tick(at(now_ms));
  judge_scan(oracle);
  for (NextStep next = core_->next(supply(), at(now_ms)); next.kind != NextStep::Kind::wait;
       next = core_->next(supply(), at(now_ms))) {
    if (next.kind == NextStep::Kind::close_batch) {
      closed_batches_.push_back(std::exchange(open_records_, 0));
    } else if (next.kind == NextStep::Kind::submit_batch) {
      submit(closed_batches_.front(), next.closing, now_ms);
      closed_batches_.pop_front();
    } else {
      submit(0, next.closing, now_ms);
    }
  }
  note_trim();
  for (const WriterCommand& command : core_->take_commands()) carry_out(command, oracle);
  for (auto& [ticket, request] : core_->take_requests(at(now_ms)))
    calls_.push_back({Purpose::trim, std::move(request), ticket});
  check(now_ms, oracle);
  if (core_->ending()) return end(oracle);
  over_ = core_->finished(supply().drained, at(now_ms));
  if (over_ && options_.recorder != nullptr) options_.recorder->closes(options_.number);
}

// Of a trim.
void Writer::judge_scan(Oracle& oracle) {
  const auto& trim = core_->trim();
  if (!trim || !trim->scanned() || scan_ended_at_) return;
  scan_ended_at_ = trim->scanned()->tail.seq;
  if (damaged_) return;
  oracle.surveyed(scan_begun_, *trim->scanned());
  if (options_.recorder != nullptr) options_.recorder->sees(options_.number, *trim->scanned());
}

void Writer::note_trim() {
  const Offset start = core_->appender().start_offset();
  if (options_.recorder == nullptr || start == noted_start_) return;
  noted_start_ = start;
  options_.recorder->trims(options_.number, start, scan_ended_at_.value_or(0));
}

void Writer::carry_out(const WriterCommand& command, Oracle& oracle) {
  switch (command.kind) {
    case WriterCommand::Kind::put: {
      Request request = Request::make(Request::Kind::put_object, command.seq);
      request.body = protocol::test_object(flights_.at(command.seq));
      calls_.push_back({Purpose::put, std::move(request)});
      break;
    }
    case WriterCommand::Kind::look:
      calls_.push_back({Purpose::look, Request::make(Request::Kind::get_header, command.seq)});
      break;
    case WriterCommand::Kind::acknowledge:
      if (command.seq != next_acknowledged_++) oracle.violated("acknowledgements are out of order");
      oracle.acknowledged(flights_.at(command.seq));
      if (options_.recorder != nullptr)
        options_.recorder->acknowledges(options_.number, flights_.at(command.seq));
      flights_.erase(command.seq);
      break;
    case WriterCommand::Kind::checkpoint: {
      Request request = Request::make(Request::Kind::put_checkpoint);
      request.body = format::encode_checkpoint(core_->checkpoint());
      calls_.push_back({Purpose::checkpoint, std::move(request)});
      break;
    }
    default:
      oracle.violated("a writer without standbys has a command for one");
  }
}

void Writer::check(std::uint64_t now_ms, Oracle& oracle) {
  const protocol::Appender& appender = core_->appender();
  if (appender.in_flight() > appender.window()) oracle.violated("more is in flight than the window allows");
  if (options_.appender.uploads_max != 0 && appender.uploading() > options_.appender.uploads_max)
    oracle.violated("more is uploaded at once than was asked for");
  if (const auto& trim = core_->trim()) {
    const std::uint64_t deadline_ms = trim->order().deadline_ms;
    if (deadline_ms != 0 && now_ms > deadline_ms + 1) oracle.violated("a trim outlives its deadline");
  }
  for (const auto& [number, result] : core_->take_trim_results()) {
    const bool told =
        !result && result.error().code() != Code::timed_out && result.error().code() != Code::closed;
    if (told && !core_->ending()) oracle.failed(result.error(), damaged_, "a trimmer");
    if (told && options_.recorder != nullptr)
      options_.recorder->is_told(options_.number, result.error().code(), 0);
  }
}

void Writer::end(Oracle& oracle) {
  over_ = true;
  oracle.failed(*core_->ending(), damaged_, "a writer");
  Recorder::Fates fates;
  for (const auto& [seq, header] : flights_) fates.emplace_back(header, core_->fate_of(seq).outcome());
  for (const auto& [header, outcome] : fates) oracle.ended(header, outcome);
  if (options_.recorder != nullptr) options_.recorder->ends(options_.number, core_->ending()->code(), fates);
}

void Writer::tick(std::uint64_t now_ms, Oracle& oracle) {
  if (is_open()) drive(now_ms, oracle);
}

std::optional<std::uint64_t> Writer::next_tick_ms() const {
  if (!is_open() || over_) return std::nullopt;
  return core_->next_tick_ms();
}

}  // namespace varve::sim
