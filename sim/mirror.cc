#include "sim/mirror.h"

#include <algorithm>

#include "format/object_check.h"
#include "protocol/reader_status.h"

namespace varve::sim {

using format::Header;
using format::Kind;
using protocol::CopyCommand;
using protocol::LogState;
using protocol::Reply;
using protocol::Request;
using Purpose = Call::Purpose;

namespace {
// As src/replicate/replicator.cc.
constexpr std::uint32_t doubts_max = 3;
}  // namespace

void Mirror::start() {
  start_.emplace(protocol::MirrorStartOptions{.source = "source",
                                              .destination = "destination",
                                              .keep_trimmed = options_.keeps,
                                              .verify = options_.verify});
  ask_for_start(start_->start());
}

// (Who says that a store creates if absent is no part of the simulation.)
void Mirror::ask_for_start(protocol::SidedRequests requests) {
  if (start_->wants_proof()) requests = start_->store_proven({});
  for (protocol::SidedRequest& one : requests)
    calls_.push_back({Purpose::ask, std::move(one.request), round_, one.side == protocol::Side::destination});
  if (start_->done()) begin();
}

void Mirror::begin() {
  const Result<protocol::ResumePoint> resume = start_->result();
  start_.reset();
  if (!resume) return fail(resume.error());
  view_ = resume->source;
  target_ = view_.tail.seq;
  stage_ = Stage::room;
  if (recorder_ != nullptr) recorder_->copies_from(recorded_as_, resume->start);
  mirroring_.emplace(resume->start, options_.mirroring);
}

void Mirror::ask(Stage stage, bool there, Request request) {
  stage_ = stage;
  calls_.push_back({Purpose::ask, std::move(request), ++round_, there});
}

void Mirror::scan(Stage stage, bool there) {
  stage_ = stage;
  scan_.emplace(protocol::RecoveryScan::Options{.want_history = true});
  ++round_;
  for (Request& request : scan_->start())
    calls_.push_back({Purpose::scan, std::move(request), round_, there});
}

void Mirror::on(const Call& call, const Reply& reply, std::uint64_t now_ms) {
  if (over()) return;
  switch (call.purpose) {
    case Purpose::scan: {
      if (!scan_ || call.round != round_) break;
      for (Request& more : scan_->on(reply))
        calls_.push_back({Purpose::scan, std::move(more), round_, call.there});
      if (scan_->done()) on_scan(now_ms);
      break;
    }
    case Purpose::ask:
      if (start_) {
        ask_for_start(start_->on(reply));
      } else if (call.round == round_ && !scan_) {
        on_object(reply, now_ms);
      }
      break;
    case Purpose::put:
      mirroring_->on_put(reply.seq, reply.error, now_ms);
      break;
    case Purpose::look:
      mirroring_->on_look(reply.seq, protocol::header_in(reply), now_ms);
      break;
    case Purpose::checkpoint:
      mirroring_->on_checkpoint(reply.error, now_ms);
      break;
    case Purpose::sweep:
      for (Request& more : sweep_->on(reply)) calls_.push_back({Purpose::sweep, std::move(more), 0, true});
      if (!sweep_->done()) break;
      mirroring_->swept(sweeping_below_);
      sweep_.reset();
      break;
    default:
      break;
  }
  carry_out();
}

void Mirror::on_scan(std::uint64_t now_ms) {
  Result<LogState> view = scan_->result();
  scan_.reset();
  if (view && !view->exists) view = Error(Code::not_found, "there is no log");
  on_view(view, now_ms);
}

void Mirror::on_view(const Result<LogState>& view, std::uint64_t now_ms) {
  if (!view) return fail(view.error());
  view_ = *view;
  switch (stage_) {
    case Stage::seal_asked:
      mirroring_->source_seen(view_.tail.offset, 1);
      if (view_.lowest_live() > mirroring_->next().seq) return fail(trimmed_past());
      return offer(now_ms);
    default:
      mirroring_->source_seen(view_.tail.offset, 1);
      return on_standing(view_);
  }
}

Error Mirror::trimmed_past() const {
  return {Code::out_of_range, "the source was trimmed past what is copied"};
}

// Copying. -------------------------------------------------------------------------------------------

void Mirror::read() {
  ask(Stage::object, false, Request::make(Request::Kind::get_object, mirroring_->next().seq));
}

void Mirror::on_object(const Reply& reply, std::uint64_t now_ms) {
  if (reply.is(Code::not_found)) return scan(Stage::at_hole, false);
  const Result<Header> header = protocol::header_in(reply);
  if (!header) return doubt(header.error());
  if (const auto next = step(mirroring_->next(), *header); !next) return doubt(next.error());
  const auto check = maintain::check_object(reply.bytes, *header);
  if (!check.damage.empty()) return doubt({Code::corruption, check.damage.front()});
  object_ = reply.bytes;
  if (header->kind == Kind::seal) return scan(Stage::seal_asked, false);
  offer(now_ms);
}

void Mirror::offer(std::uint64_t now_ms) {
  const Header header = format::decode_header(object_).value();
  copies_.insert_or_assign(header.seq, std::move(object_));
  stage_ = Stage::room;
  doubts_ = 0;
  if (const auto offered = mirroring_->offer(header, now_ms); !offered) return fail(offered.error());
  if (recorder_ != nullptr) recorder_->takes(recorded_as_, header);
}

void Mirror::doubt(Error what) {
  doubted_ = std::move(what);
  scan(Stage::doubt, false);
}

// The tail; or what is missing, or does not fit, is asked for again.
void Mirror::on_standing(const LogState& view) {
  const bool nothing_there = stage_ == Stage::at_hole;
  if (nothing_there && reader_status(mirroring_->next(), view) == protocol::ReaderStatus::at_tail) {
    stage_ = Stage::room;
    doubts_ = 0;
    waits_ = true;
    return mirroring_->want_checkpoint();
  }
  if (view.lowest_live() > mirroring_->next().seq) return fail(trimmed_past());
  if (++doubts_ >= doubts_max)
    return fail(nothing_there ? Error(Code::corruption, "an object of the source is missing") : *doubted_);
  read();
}

void Mirror::poll() {
  waits_ = false;
  carry_out();
}

void Mirror::tick(std::uint64_t now_ms) {
  if (over() || !mirroring_) return;
  mirroring_->tick(now_ms);
  carry_out();
}

std::optional<std::uint64_t> Mirror::next_tick_ms() const {
  if (over() || !mirroring_) return std::nullopt;
  return mirroring_->next_tick_ms();
}

bool Mirror::caught_up() const {
  return !over() && mirroring_ && waits_ && mirroring_->next().seq >= target_ && mirroring_->settled() &&
         !sweep_;
}

void Mirror::sweep() {
  if (sweep_ || mirroring_->sweep_below() <= mirroring_->swept_below()) return;
  sweeping_below_ = mirroring_->sweep_below();
  sweep_.emplace(protocol::SweepPlan{.from = mirroring_->swept_below(),
                                     .below = sweeping_below_,
                                     .history = mirroring_->history(),
                                     .clocks = {}});
  for (Request& request : sweep_->start()) calls_.push_back({Purpose::sweep, std::move(request), 0, true});
}

void Mirror::carry_out() {
  if (over() || !mirroring_) return;
  if (waits_) mirroring_->want_checkpoint();
  if (stage_ == Stage::room && !waits_ && mirroring_->can_offer()) read();
  for (const CopyCommand& command : mirroring_->take_commands()) {
    switch (command.kind) {
      case CopyCommand::Kind::put: {
        Request request = Request::make(Request::Kind::put_object, command.seq);
        request.body = copies_.at(command.seq);
        calls_.push_back({Purpose::put, std::move(request), 0, true});
        break;
      }
      case CopyCommand::Kind::look:
        calls_.push_back({Purpose::look, Request::make(Request::Kind::get_header, command.seq), 0, true});
        break;
      case CopyCommand::Kind::copied:
        copies_.erase(command.seq);
        break;
      case CopyCommand::Kind::checkpoint: {
        Request request = Request::make(Request::Kind::put_checkpoint);
        request.body = format::encode_checkpoint(mirroring_->checkpoint());
        calls_.push_back({Purpose::checkpoint, std::move(request), 0, true});
        break;
      }
    }
  }
  if (mirroring_->ending()) return fail(*mirroring_->ending());
  sweep();
}

void Mirror::fail(Error error) {
  error_ = std::move(error);
  if (recorder_ != nullptr) recorder_->copies_no_more(recorded_as_);
}

}  // namespace varve::sim
