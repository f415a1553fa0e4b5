#include "protocol/reader_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/mutant.h"

namespace varve::protocol {

using format::Header;
using format::Kind;

namespace {

// After so many looks that found the object missing or wrong, the offset's place is searched for.
constexpr std::uint32_t looks_before_search = looks_before_damage - 1;

}  // namespace

ReaderWalk::ReaderWalk(const SeekTarget& target, const Options& options)
    : follow_(options.follow),
      stage_(Seeking(Seek(target))),
      tail_watch_(options.poll_ms, options.poll_max_ms) {}

Requests ReaderWalk::start() { return std::get<Seeking>(stage_).start(); }

void ReaderWalk::resume() {
  if (!begun_) return;
  stage_ = std::monostate();
  phase_ = Phase::fetching;
  failure_.reset();
}

Requests ReaderWalk::on(const Reply& reply, std::uint64_t now_ms) {
  if (std::holds_alternative<TailCheck>(stage_)) return on_tail_check(reply, now_ms);
  if (auto* scan = std::get_if<Scan>(&stage_)) {
    Requests more = scan->on(reply);
    return scan->over() ? judge(now_ms) : more;
  }
  auto& seeking = std::get<Seeking>(stage_);
  Requests more = seeking.on(reply);
  return seeking.over() ? on_sought() : more;
}

// The way forward. ---------------------------------------------------------------------------------

Result<Position> ReaderWalk::fits(const Header& object) const {
  if (mutated(Mutant::hole_skipped) && !at_.linked) return step(position_of(object), object);
  return step(at_, object);
}

void ReaderWalk::pass(const Header& object, const Position& next) {
  before_ = at_.seq;
  at_ = next;
  if (!mutated(Mutant::doubts_add_up) || object.end_offset() > offset_) doubts_ = 0;
  tail_watch_.grew();
  if (object.kind != Kind::data) return;
  mark_ = {.log_id = object.log_id,
           .writer_id = object.writer_id,
           .epoch = object.epoch,
           .seq = object.seq,
           .hash = at_.previous_hash};
  offset_ = std::max(offset_, object.end_offset());
}

Requests ReaderWalk::doubt(const Error& doubt, std::uint64_t now_ms) {
  const bool absent = doubt.code() == Code::not_found;
  doubt_ = doubt;
  if (absent && follow_ && doubts_ == 0 && tail_watch_.trusts(at_.seq, now_ms)) {
    tail_watch_.polled(now_ms);
    phase_ = Phase::pausing;
    return {};
  }
  tail_watch_.doubted();
  if (absent && mutated(Mutant::hole_ends_reading)) return reach_tail(now_ms);
  return absent && doubts_ == 0 && before_ && at_.linked ? check_tail() : look();
}

// Is this the tail? --------------------------------------------------------------------------------

// The object before us is there, as it was, and nothing behind it: that is the tail, for what is newest is
// never deleted. (Behind a seal its void may hold something; but then, so may the chain, if the seal was put
// late into a place trimmed away. A look tells.)
Requests ReaderWalk::check_tail() {
  phase_ = Phase::asking;
  stage_.emplace<TailCheck>();
  return {Request::make(Request::Kind::list, *before_, 2),
          Request::make(Request::Kind::get_header, *before_)};
}

Requests ReaderWalk::on_tail_check(const Reply& reply, std::uint64_t now_ms) {
  auto& check = std::get<TailCheck>(stage_);
  if (reply.kind == Request::Kind::list) {
    check.nothing_follows =
        !reply.error && !reply.truncated && reply.listed.size() == 1 && reply.listed.front().seq == *before_;
  } else {
    const Result<Header> header = header_in(reply);
    check.unchanged = (header && hash_of(*header) == at_.previous_hash) || mutated(Mutant::tail_by_name);
  }
  if (--check.outstanding > 0) return {};
  return check.nothing_follows && check.unchanged ? reach_tail(now_ms) : look();
}

Requests ReaderWalk::look() {
  phase_ = Phase::asking;
  ++looks_;
  return stage_.emplace<Scan>(RecoveryScan({.want_history = true, .tell_damage = true})).start();
}

// Nothing is at `at_`, or not what belongs there. Is that the tail, was the log trimmed past us, did we
// follow something that is not on the chain (an opener's late seal in a place trimmed away), is it another
// log by now, or is the log damaged?
Requests ReaderWalk::judge(std::uint64_t now_ms) {
  const Result<LogState> state = std::get<Scan>(stage_)->result();
  if (!state) return state.error().code() == Code::unavailable ? look() : fail(state.error());
  if (!state->exists) return fail({Code::not_found, "there is no log here any more"});
  state_ = *state;
  ++doubts_;
  if (state_.tail.log_id != mark_.log_id && !mutated(Mutant::other_log_followed)) {
    return fail(parted_error(ChainMatch::other_log, offset_, state_));
  }
  const bool absent = doubt_->code() == Code::not_found;
  if (mutated(Mutant::hole_skipped) && absent && state_.tail.seq > at_.seq) {
    ++at_.seq;
    at_.linked = false;
    return fetch_again();
  }
  Position reader = at_;
  reader.offset = std::max(at_.offset, offset_);
  switch (reader_status(reader, state_)) {
    case ReaderStatus::at_tail:
      if (absent) return judge_tail(now_ms);
      break;
    case ReaderStatus::trimmed:
      return fail(trimmed());
    case ReaderStatus::lost:
      if (doubts_ < looks_before_damage) return fetch_again();
      return fail(parted_error(ChainMatch::ends_before, offset_, state_));
    case ReaderStatus::relocate:
      return seek();
    case ReaderStatus::look_again:
      break;
  }
  return doubts_ >= looks_before_search ? seek() : fetch_again();
}

// The log ends here, by its seqs and offsets. By its running hash, too?
Requests ReaderWalk::judge_tail(std::uint64_t now_ms) {
  const bool same = !at_.linked || at_.previous_hash == state_.tail.previous_hash;
  if (same && state_.damage && state_.damage->end_unknown && !mutated(Mutant::unknown_end_believed)) {
    return fail(state_.damage->why);
  }
  if (same || mutated(Mutant::tail_by_name)) return reach_tail(now_ms);
  return fail(parted_error(ChainMatch::other_history, offset_, state_));
}

Requests ReaderWalk::reach_tail(std::uint64_t now_ms) {
  stage_ = std::monostate();
  doubts_ = 0;
  tail_watch_.judged(at_.seq, now_ms);
  phase_ = follow_ ? Phase::pausing : Phase::at_end;
  return {};
}

Requests ReaderWalk::fetch_again() {
  stage_ = std::monostate();
  phase_ = Phase::fetching;
  return {};
}

// Where is our offset? -----------------------------------------------------------------------------

Requests ReaderWalk::seek() {
  Seek machine(SeekTarget{.offset = offset_, .exact = true}, mark_);
  machine.search_in(state_, false);
  auto& seeking = stage_.emplace<Seeking>(std::move(machine));
  Requests first = seeking.start();
  return seeking.over() ? on_sought() : first;
}

Requests ReaderWalk::on_sought() {
  const Seek& seek = *std::get<Seeking>(stage_);
  if (begun_) looks_ += seek.looks();
  const Result<SeekResult> found = seek.result();
  const std::optional<ChainMatch> parted = seek.parted();
  if (!begun_) return found ? begin(*found) : fail(found.error());
  if (found) return go_to(*found);
  const Code code = found.error().code();
  if (parted == ChainMatch::ends_before && doubts_ < looks_before_damage) return fetch_again();
  // An object of a newer program is not damaged.
  const bool newer = code == Code::unsupported && doubt_->code() == Code::unsupported;
  const bool damage = code == Code::corruption || code == Code::foreign || newer;
  return damage && !parted ? fail(damaged(), true) : fail(found.error());
}

Requests ReaderWalk::begin(const SeekResult& found) {
  begun_ = true;
  state_ = found.state;
  offset_ = found.offset;
  at_ = found.at;
  mark_ = found.mark();
  relocated_at_ = state_.lowest_live();
  if (at_ == state_.tail) before_ = state_.newest.seq;
  return fetch_again();
}

// Whether our place is one of the log's chain, and not trimmed away: then the object before us is missing if
// the offset is elsewhere.
bool ReaderWalk::is_on_chain_of(const LogState& state) const {
  if (state.lowest_live() > at_.seq) return false;
  const auto epoch = std::ranges::find(state.history, at_.epoch, &format::EpochEntry::seal);
  if (epoch == state.history.end()) return false;
  const auto after = std::next(epoch);
  return after == state.history.end() || after->seal >= at_.seq;  // at its own place, the next seal belongs
}

// If the offset's place is where we are, then the log is damaged here. So it is where nothing was trimmed and
// the offset is elsewhere: what lies between is lost, though it may have had no records.
Requests ReaderWalk::go_to(const SeekResult& found) {
  const Seq lowest_live = found.state.lowest_live();
  const bool same_place = found.at.seq == at_.seq && found.at.epoch == at_.epoch;
  // The same place behind other seals is not ours: what we have read is on this chain, but not what led here.
  const bool same_chain = !at_.linked || found.at.previous_hash == at_.previous_hash;
  const bool here = same_place ? same_chain : is_on_chain_of(found.state);
  if (found.match == ChainMatch::untied && !here)
    return fail(parted_error(ChainMatch::untied, offset_, found.state));
  // Only a trim makes it our own fault to be elsewhere: then what was doubted there counts no more.
  if (!here && lowest_live > relocated_at_) doubts_ = 0;
  if (doubts_ >= looks_before_damage) return fail(damaged(), true);
  if (here) return fetch_again();
  relocated_at_ = lowest_live;
  state_ = found.state;
  at_ = found.at;
  before_.reset();
  if (at_ == state_.tail) before_ = state_.newest.seq;
  return fetch_again();
}

Requests ReaderWalk::fail(Error error, bool names_object) {
  stage_ = std::monostate();
  phase_ = Phase::failed;
  failure_ = {.error = std::move(error), .names_object = names_object};
  return {};
}

Error ReaderWalk::trimmed() const {
  const OffsetRange valid{state_.start_offset(), state_.tail.offset};
  return Error(Code::out_of_range,
               fmt::format(
                   "offset {} has been trimmed away; the log holds {} up to, but not including, {}: open "
                   "a reader there to go on",
                   offset_, valid.begin, valid.end))
      .with_valid_range(valid);
}

Error ReaderWalk::damaged() const {
  if (doubt_->code() != Code::not_found) return doubt_->with_context(fmt::format("offset {}", at_.offset));
  return {Code::corruption,
          fmt::format(
              "object {} (offset {}) is missing, though the log goes on behind it; restore it from a copy, "
              "or run `varve verify` to see the extent",
              at_.seq, at_.offset)};
}

}  // namespace varve::protocol
