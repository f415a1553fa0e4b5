#include "sim/writer.h"

#include <fmt/format.h>

#include "testing/test_log.h"

namespace varve::sim {

using format::Header;
using protocol::Command;
using protocol::Reply;
using protocol::Request;
using protocol::Requests;
using Purpose = Call::Purpose;

Writer::Writer(Options options) : options_(options) {}

void Writer::ask(Purpose purpose, Requests requests) {
  for (Request& request : requests) calls_.push_back({purpose, std::move(request), round_});
}

void Writer::open(Oracle& /*oracle*/) {
  takeover_.emplace(protocol::Claimant{.writer_id = protocol::test_id(options_.number),
                                       .new_log_id = protocol::test_id(1'000'000 + options_.number),
                                       .new_window = options_.window,
                                       .host = "",
                                       .pid = 0});
  ask(Purpose::takeover, takeover_->start(1));
}

void Writer::on(const Call& call, const Reply& reply, std::uint64_t now_ms, Oracle& oracle) {
  if (over_) return;
  switch (call.purpose) {
    case Purpose::takeover:
      on_takeover(reply, now_ms, oracle);
      break;
    case Purpose::put:
      if (appender_) appender_->on_put(reply.seq, reply.error, now_ms);
      break;
    case Purpose::look:
      if (appender_) appender_->on_look(reply.seq, protocol::header_in(reply), now_ms);
      break;
    case Purpose::checkpoint:
      if (appender_) appender_->on_checkpoint(!reply.error);
      break;
    case Purpose::scan:
      if (scan_ && call.round == round_) on_survey(reply, oracle);
      break;
    case Purpose::locate:
      if (locate_ && call.round == round_) on_locate(reply, oracle);
      break;
    case Purpose::sweep:
      if (!sweep_ || call.round != round_) break;
      ask(Purpose::sweep, sweep_->on(reply));
      if (sweep_->done()) {
        if (!sweep_->error() && sweep_->left() == 0) appender_->swept(sweeping_below_);
        sweep_.reset();
      }
      break;
    case Purpose::drop:
    case Purpose::read:
    case Purpose::ask:
      break;
  }
  carry_out(now_ms, oracle);
}

void Writer::on_takeover(const Reply& reply, std::uint64_t /*now_ms*/, Oracle& oracle) {
  if (!takeover_) return;
  // What a courier does: what may pass is tried again, here without a pause.
  if (!is_an_answer(reply)) return oracle.violated("a courier's retry reached the machine");
  ask(Purpose::takeover, takeover_->on(reply, 1));
  if (!takeover_->done()) return;
  const Result<protocol::Ownership> ownership = takeover_->result();
  takeover_.reset();
  if (!ownership) {
    oracle.failed(ownership.error(), damaged_, "an opener");
    over_ = true;
    return;
  }
  own(*ownership);
}

void Writer::own(const protocol::Ownership& ownership) {
  appender_.emplace(ownership, options_.appender);
  newest_ = ownership.seal;
  next_acknowledged_ = ownership.next.seq;
  if (!ownership.leftovers.empty()) {
    Request request = Request::make(Request::Kind::remove);
    for (const protocol::ListedSeq& leftover : ownership.leftovers) request.seqs.push_back(leftover.seq);
    calls_.push_back({Purpose::drop, std::move(request), round_});
  }
  begin_sweep(ownership.swept_below);
}

void Writer::begin_sweep(Seq from) {
  if (from >= appender_->durable_lowest_live()) return;
  sweeping_below_ = appender_->durable_lowest_live();
  sweep_.emplace(protocol::SweepPlan{.from = from,
                                     .below = sweeping_below_,
                                     .history = appender_->history(),
                                     .forget_seals_before_unix_ms = {}});
  ++round_;
  ask(Purpose::sweep, sweep_->start());
  if (sweep_->done()) sweep_.reset();
}

void Writer::append(std::uint32_t records, bool closing, std::uint64_t now_ms, Oracle& oracle) {
  newest_ = appender_->submit(protocol::test_batch(records, closing), 1, now_ms);
  flights_.emplace(newest_.seq, newest_);
  carry_out(now_ms, oracle);
}

void Writer::trim(Offset before, Oracle& oracle) {
  trim_before_ = before;
  survey_begun_ = oracle.now();
  scan_.emplace(protocol::RecoveryScan::Options{.want_history = true});
  ++round_;
  ask(Purpose::scan, scan_->start());
}

void Writer::on_survey(const Reply& reply, Oracle& oracle) {
  ask(Purpose::scan, scan_->on(reply));
  if (!scan_->done()) return;
  const Result<protocol::LogState> view = scan_->result();
  scan_.reset();
  if (!view) return oracle.failed(view.error(), damaged_, "a trimmer");
  if (!damaged_) oracle.surveyed(survey_begun_, *view);
  locate_.emplace(*view, trim_before_);
  ++round_;
  ask(Purpose::locate, locate_->start());
  if (locate_->done()) on_locate({}, oracle);
}

void Writer::on_locate(const Reply& reply, Oracle& oracle) {
  if (!locate_->done()) ask(Purpose::locate, locate_->on(reply));
  if (!locate_->done()) return;
  const Result<protocol::Position> place = locate_->result();
  locate_.reset();
  if (!place) return oracle.failed(place.error(), damaged_, "a trimmer");
  if (trim_before_ <= appender_->start_offset()) return begin_sweep(0);  // finishes earlier ones
  oracle.trim_wished(trim_before_);
  appender_->begin_trim(trim_before_, place->seq);
  trim_pending_ = true;
}

void Writer::carry_out(std::uint64_t now_ms, Oracle& oracle) {
  if (!appender_) return;
  if (trim_pending_ && appender_->trim_wants_object() && appender_->can_submit()) {
    newest_ = appender_->submit(protocol::test_batch(0), 1, now_ms);
    flights_.emplace(newest_.seq, newest_);
  }
  for (const Command& command : appender_->take_commands()) {
    switch (command.kind) {
      case Command::Kind::put: {
        Request request = Request::make(Request::Kind::put_object, command.seq);
        request.body = protocol::test_object(flights_.at(command.seq));
        calls_.push_back({Purpose::put, std::move(request), round_});
        break;
      }
      case Command::Kind::look:
        calls_.push_back({Purpose::look, Request::make(Request::Kind::get_header, command.seq), round_});
        break;
      case Command::Kind::acknowledge:
        if (command.seq != next_acknowledged_++) oracle.violated("acknowledgements are out of order");
        oracle.acknowledged(flights_.at(command.seq));
        flights_.erase(command.seq);
        break;
      case Command::Kind::checkpoint: {
        Request request = Request::make(Request::Kind::put_checkpoint);
        request.body = format::encode_checkpoint(appender_->checkpoint());
        calls_.push_back({Purpose::checkpoint, std::move(request), round_});
        break;
      }
    }
  }
  if (appender_->in_flight() > appender_->window())
    oracle.violated("more is in flight than the window allows");
  if (options_.appender.uploads_max != 0 && appender_->uploading() > options_.appender.uploads_max)
    oracle.violated("more is uploaded at once than was asked for");
  if (appender_->ending() && !over_) return end(oracle);
  if (trim_pending_ && !sweep_ && appender_->durable_start_offset() >= trim_before_) {
    trim_pending_ = false;
    begin_sweep(0);
  }
  if (appender_->closed() && !trimming()) over_ = true;
}

void Writer::end(Oracle& oracle) {
  over_ = true;
  oracle.failed(*appender_->ending(), damaged_, "a writer");
  for (const auto& [seq, header] : flights_) oracle.ended(header, appender_->fate_of(seq).outcome());
}

void Writer::tick(std::uint64_t now_ms, Oracle& oracle) {
  if (!is_open() || over_) return;
  appender_->tick(now_ms);
  carry_out(now_ms, oracle);
}

std::optional<std::uint64_t> Writer::next_tick_ms() const {
  if (!is_open() || over_) return std::nullopt;
  return appender_->next_tick_ms();
}

}  // namespace varve::sim
