#include "sim/mirror.h"

#include <algorithm>

#include "format/object_check.h"
#include "protocol/locate.h"

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
// As src/replicate/resume_point.cc.
constexpr std::uint32_t most_when_cut_off = 16;
}  // namespace

void Mirror::start() { scan(Stage::source, false); }

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
      if (scan_->done()) on_survey(now_ms);
      break;
    }
    case Purpose::ask:
      if (call.round == round_ && !scan_) on_answer(reply, now_ms);
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

void Mirror::on_survey(std::uint64_t now_ms) {
  Result<LogState> view = scan_->result();
  scan_.reset();
  if (view && !view->exists) view = Error(Code::not_found, "there is no log");
  on_view(view, now_ms);
}

void Mirror::on_view(const Result<LogState>& view, std::uint64_t now_ms) {
  if (stage_ == Stage::whole) return on_whole(view);
  if (!view) return fail(view.error());
  view_ = *view;
  switch (stage_) {
    case Stage::source:
      target_ = view_.tail.seq;
      return ask(Stage::checkpoint, true, Request::make(Request::Kind::get_checkpoint));
    case Stage::gone:
      if (ours_->seq >= view_.lowest_live()) return fail({Code::foreign, "the source has no such object"});
      return go_on();
    case Stage::seal_asked:
      mirroring_->source_seen(view_.tail.offset, 1);
      if (view_.lowest_live() > mirroring_->next().seq) return fail(trimmed_past());
      return offer(now_ms);
    default:
      mirroring_->source_seen(view_.tail.offset, 1);
      return on_standing(view_);
  }
}

void Mirror::on_answer(const Reply& reply, std::uint64_t now_ms) {
  switch (stage_) {
    case Stage::checkpoint:
      return on_checkpoint(reply);
    case Stage::emptiness:
      return on_emptiness(reply);
    case Stage::each:
      return on_each(reply);
    case Stage::named:
      return on_named(reply);
    case Stage::begun: {
      const Result<Header> there = protocol::header_in(reply);
      if (!there) return fail(there.error());
      ours_ = *there;
      return anew();
    }
    case Stage::first:
      return on_first(reply);
    case Stage::seal:
      return on_seal(reply);
    case Stage::seal_put:
      if (!reply.error) return begin();
      if (!reply.is(Code::already_exists)) return fail(*reply.error);
      return ask(Stage::seal_there, true, Request::make(Request::Kind::get_object, first_->epoch));
    case Stage::seal_there:
      if (reply.is(Code::not_found)) return put_seal();  // a false alarm
      return reply.bytes == object_ ? begin() : fail({Code::foreign, "another seal is there"});
    case Stage::theirs:
      return on_theirs(reply);
    case Stage::object:
      return on_object(reply, now_ms);
    default:
      break;
  }
}

// Where it begins, or goes on. -----------------------------------------------------------------------

void Mirror::on_checkpoint(const Reply& reply) {
  if (reply.error && !reply.is(Code::not_found)) return fail(*reply.error);
  if (auto known = format::decode_checkpoint(reply.bytes); !reply.error && known) known_ = *std::move(known);
  if (known_ && known_->log_id != view_.tail.log_id) return fail({Code::foreign, "another log is there"});
  if (!known_)
    return ask(Stage::emptiness, true, Request::make(Request::Kind::list, 0, most_when_cut_off + 1));
  if (known_->mirror)
    return ask(Stage::named, true, Request::make(Request::Kind::get_header, known_->anchor));
  fail({Code::fenced, "the destination does not say of itself that it is a mirror"});
}

void Mirror::on_emptiness(const Reply& reply) {
  if (reply.error) return fail(*reply.error);
  for (const auto& object : reply.listed) cut_off_.push_back(object.seq);
  if (reply.truncated && !reply.listed.empty() && cut_off_.size() <= most_when_cut_off) {
    return ask(Stage::emptiness, true,
               Request::make(Request::Kind::list, cut_off_.back() + 1, most_when_cut_off + 1));
  }
  if (cut_off_.size() > most_when_cut_off)
    return fail({Code::fenced, "the destination does not say of itself that it is a mirror"});
  next_of_cut_off();
}

void Mirror::next_of_cut_off() {
  if (cut_off_.empty()) return anew();
  const Seq seq = cut_off_.back();
  cut_off_.pop_back();
  ask(Stage::each, true, Request::make(Request::Kind::get_header, seq));
}

void Mirror::on_each(const Reply& reply) {
  const Result<Header> header = protocol::header_in(reply);
  if (!header && !reply.is(Code::not_found)) return fail(header.error());
  if (header && (header->has(format::flag::promoted) || header->seq > view_.lowest_live()))
    return fail({Code::fenced, "the destination does not say of itself that it is a mirror"});
  next_of_cut_off();
}

void Mirror::on_named(const Reply& reply) {
  if (reply.is(Code::not_found)) return scan(Stage::whole, true);
  const Result<Header> named = protocol::header_in(reply);
  if (!named) return fail(named.error());
  const auto next = step(protocol::position_of(*named), *named);
  if (!next) return fail(next.error());
  if (next->seq < view_.lowest_live()) return scan(Stage::whole, true);
  go_on_from(*named);
}

void Mirror::on_whole(const Result<LogState>& view) {
  if (view && view->newest_promotion()) return fail({Code::foreign, "the destination was promoted"});
  if (view) return go_on_from(view->newest_owned);
  if (view.error().code() != Code::corruption || known_->mirror->keeps) return fail(view.error());
  ask(Stage::begun, true, Request::make(Request::Kind::get_header, view_.lowest_live()));
}

void Mirror::anew() {
  ask(Stage::first, false, Request::make(Request::Kind::get_header, view_.lowest_live()));
}

void Mirror::on_first(const Reply& reply) {
  const Result<Header> first = protocol::header_in(reply);
  if (!first) return fail(first.error());
  if (first->seq != view_.lowest_live() || first->has(format::flag::ahead))
    return fail({Code::corruption, "another object is where the source begins"});
  if (ours_ && *ours_ != *first) return fail({Code::foreign, "the destination has another first object"});
  first_ = *first;
  if (first->kind == Kind::seal) return begin();
  ask(Stage::seal, false, Request::make(Request::Kind::get_object, first->epoch));
}

void Mirror::on_seal(const Reply& reply) {
  const Result<Header> seal = protocol::header_in(reply);
  if (!seal) return fail(seal.error());
  const bool sound = seal->kind == Kind::seal && format::decode_seal(reply.bytes, *seal);
  if (!sound || seal->seq != first_->epoch || seal->writer_id != first_->writer_id)
    return fail({Code::corruption, "the source's first object has no seal"});
  object_ = reply.bytes;
  put_seal();
}

void Mirror::put_seal() {
  Request request = Request::make(Request::Kind::put_object, first_->epoch);
  request.body = object_;
  ask(Stage::seal_put, true, std::move(request));
}

void Mirror::begin() {
  protocol::MirroringStart start{
      .next = protocol::position_of(*first_), .history = view_.history, .state = {}};
  start.state.begins_offset = view_.start_offset();
  start.state.keeps = options_.keeps;
  mirroring_.emplace(std::move(start), options_.mirroring);
  stage_ = Stage::room;
}

void Mirror::go_on_from(const Header& ours) {
  ours_ = ours;
  ask(Stage::theirs, false, Request::make(Request::Kind::get_header, ours.seq));
}

void Mirror::on_theirs(const Reply& reply) {
  const Result<Header> theirs = protocol::header_in(reply);
  const bool gone = reply.is(Code::not_found);
  if (!theirs && !gone) return fail(theirs.error());
  if (ours_->seq < view_.lowest_live()) return go_on();
  if (gone) return scan(Stage::gone, false);
  if (*theirs != *ours_) return fail({Code::foreign, "source and destination part"});
  go_on();
}

void Mirror::go_on() {
  const auto next = step(protocol::position_of(*ours_), *ours_);
  if (!next) return fail(next.error());
  if (next->seq < view_.lowest_live()) return fail(trimmed_past());
  mirroring_.emplace(protocol::MirroringStart{.next = *next,
                                              .history = view_.history,
                                              .state = *known_->mirror,
                                              .anchor = ours_->seq,
                                              .anchor_is_said = ours_->seq == known_->anchor,
                                              .swept_below = known_->swept_below},
                     options_.mirroring);
  stage_ = Stage::room;
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
  return !over() && mirroring_ && waits_ && mirroring_->next().seq >= target_ && mirroring_->settled();
}

void Mirror::sweep() {
  if (sweep_ || mirroring_->sweep_below() <= mirroring_->swept_below()) return;
  sweeping_below_ = mirroring_->sweep_below();
  sweep_.emplace(protocol::SweepPlan{.from = mirroring_->swept_below(),
                                     .below = sweeping_below_,
                                     .history = mirroring_->history(),
                                     .forget_seals_before_unix_ms = {}});
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

void Mirror::fail(Error error) { error_ = std::move(error); }

}  // namespace varve::sim
