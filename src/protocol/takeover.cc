#include "protocol/takeover.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutant.h"
#include "format/seal.h"

namespace varve::protocol {

using format::Header;
using format::Kind;

namespace {

// So often the first hole may be won by the writer in office before a seal is placed ahead of it.
constexpr std::uint32_t races_before_ahead = 3;
constexpr std::uint32_t max_rounds = 256;

}  // namespace

Error newer_note(Seq seal) {
  return {Code::unsupported,
          fmt::format("the note of the promotion by seal {} is of a newer program: upgrade this one", seal)};
}

Requests Takeover::start(std::int64_t /*now_unix_ms*/) { return scan_.start(); }

Requests Takeover::on(const Reply& reply, std::int64_t now_unix_ms) {
  if (done()) return {};
  switch (stage_) {
    case Stage::put:
      return on_put(reply);
    case Stage::recheck:
      return on_recheck(reply);
    case Stage::promotion:
      return on_promotion(reply, now_unix_ms);
    case Stage::scan:
      break;
  }
  Requests more = scan_.on(reply);
  if (!scan_.done()) return more;
  const Result<LogState>& view = scan_.result();
  return view ? on_view(*view, now_unix_ms) : fail(view.error());
}

Requests Takeover::survey_again() {
  if (++rounds_ > max_rounds) {
    return fail(
        {Code::unavailable, "the log could not be taken over: its writers win every race; try again"});
  }
  stage_ = Stage::scan;
  scan_ = RecoveryScan({.want_history = true, .fewest_trips = true, .past_loss = claimant_.past_loss});
  return scan_.start();
}

Requests Takeover::on_view(const LogState& view, std::int64_t now_unix_ms) {
  if (!view.exists) {
    if (view.checkpoint && view.checkpoint->mirror) {
      return fail(
          Error(Code::fenced, fmt::format("a mirror of {} begins here, and nothing is copied yet; `varve "
                                          "mirror` goes on with it",
                                          view.checkpoint->mirror->source))
              .with_outcome(WriteOutcome::fenced));
    }
    if (view.checkpoint) return fail(nothing_is_left(*view.checkpoint));
    return create(now_unix_ms);
  }
  if (auto refused = refusal(view)) return fail(refused->with_outcome(WriteOutcome::fenced));
  const Header& newest = view.newest;
  const bool regular_seal = newest.kind == Kind::seal && !newest.has(format::flag::ahead);
  if (regular_seal && newest.writer_id == claimant_.writer_id) return own(&view);
  if (auto lost = lost_end_of(view)) return fail(*std::move(lost));
  // A seal placed ahead (by a claimant that may be long dead) owns nothing: it only costs us another.
  const Header& owner = mutated(Mutant::ahead_fences_claimant) ? view.newest : view.newest_owned;
  if (stored_ && owner.writer_id != claimant_.writer_id && view.lowest_live() <= stored_->seq) {
    // Our seal was on the chain and is no longer its end: another claimant came after us.
    return fail(
        Error(Code::fenced, fmt::format("{} took the log over while we opened it; open again to take it back",
                                        describe(owner)))
            .with_outcome(WriteOutcome::fenced));
  }
  if (may_be_a_copy(view)) {
    stage_ = Stage::promotion;
    return {Request::make(Request::Kind::get_header, *view.newest_promotion())};
  }
  // Else a seal of ours landed where the log had been trimmed away meanwhile: it fences nobody.
  // (What a mirror puts behind a seal ahead would mislead later surveys: docs/protocol.md, Mirrors. It stops
  // at the first seal that wins.)
  const bool ahead = lost_races_ >= races_before_ahead && claimant_.purpose != Purpose::promote;
  if (ahead) lost_races_ = 0;
  return seal_at(view, ahead, now_unix_ms);
}

// Offsets would be given out twice.
std::optional<Error> Takeover::lost_end_of(const LogState& view) const {
  if (!view.lost_end || claimant_.accepted_end == view.tail.offset) return std::nullopt;
  return explain(*view.lost_end, view.tail);
}

std::optional<Error> Takeover::refusal(const LogState& view) const {
  const bool ours = !view.history.empty() && view.newest_owned.writer_id == claimant_.writer_id;
  if (ours) return std::nullopt;
  // What was found out about the log was found out about that end. (A checkpoint of a mirror that comes late
  // may show another one.)
  if (claimant_.expected_tail.value_or(view.tail.seq) != view.tail.seq && !stored_) {
    return Error(Code::unavailable,
                 fmt::format("the log ended before object {}, and ends before object {} now: a mirror is at "
                             "work there; try again",
                             *claimant_.expected_tail, view.tail.seq));
  }
  if (claimant_.purpose == Purpose::promote) {
    if (view.mirror || view.retired()) return std::nullopt;
    return Error(
        Code::invalid_argument,
        "there is nothing to promote: by what it says of itself, this log is no mirror; if it is, run "
        "`varve mirror` again first");
  }
  if (view.mirror && !mutated(Mutant::mirror_opens)) {
    return Error(Code::fenced,
                 fmt::format("this log is a mirror of {}, and only that is written to; `varve promote` "
                             "makes it a log of its own",
                             view.mirror->source));
  }
  if (view.retired() && !mutated(Mutant::retired_opens)) {
    return Error(
        Code::fenced,
        fmt::format("this log goes on in a mirror of it, which was promoted at offset {}; write there "
                    "(`varve promote` on this one makes two logs of it)",
                    view.tail.offset));
  }
  return std::nullopt;
}

// The log looks promoted. So does a mirror of such a log, wherever its checkpoint, which says that it is one,
// is lost or late.
bool Takeover::may_be_a_copy(const LogState& view) const {
  if (claimant_.purpose == Purpose::promote || mutated(Mutant::copied_promotion_believed)) return false;
  const std::optional<Seq> promoted = view.newest_promotion();
  return promoted && promoted != promoted_here_;
}

// First the seal, which says who put it; then whether that one promoted this place.
Requests Takeover::on_promotion(const Reply& reply, std::int64_t now_unix_ms) {
  const LogState& view = *scan_.result();
  // A seal that is gone (it may go when the operator says that no writer sleeps for so long) tells nothing.
  const bool gone = reply.kind == Request::Kind::get_header && reply.is(Code::not_found);
  if (!gone && reply.kind == Request::Kind::get_header) {
    const Result<Header> seal = header_in(reply);
    if (!seal) return fail(seal.error());
    return {Request::make(Request::Kind::get_promotion, seal->writer_id)};
  }
  if (!gone && reply.is(Code::not_found)) {
    return fail(
        Error(Code::fenced,
              fmt::format("object {} promoted another log, of which this is a copy: only that one is "
                          "written to; `varve mirror` goes on with this one, and `varve promote` makes "
                          "it a log of its own",
                          *view.newest_promotion()))
            .with_outcome(WriteOutcome::fenced));
  }
  if (!gone && reply.error) return fail(*reply.error);
  if (!gone && !reply.bytes.empty()) return fail(newer_note(*view.newest_promotion()));
  promoted_here_ = view.newest_promotion();
  return on_view(view, now_unix_ms);
}

Requests Takeover::create(std::int64_t now_unix_ms) {
  if (claimant_.must_exist) {
    return fail({Code::not_found, "there is no log here; check the name, or append to it to create it"});
  }
  view_.reset();
  Header header;
  header.log_id = claimant_.new_log_id;
  header.window = claimant_.new_window;
  header.flags = format::flag::fences_nobody;
  return put(header, {}, now_unix_ms);
}

Requests Takeover::seal_at(const LogState& view, bool ahead, std::int64_t now_unix_ms) {
  view_ = view;
  truncated_objects_ = view.cut.size();
  const Position& tail = view.tail;
  Header header;
  header.log_id = tail.log_id;
  header.window = tail.window;
  header.seq = ahead ? tail.seq + tail.window : tail.seq;
  header.start_offset = view.start_offset();
  header.lowest_live = view.lowest_live();
  if (mutated(Mutant::seal_forgets_trim)) header.start_offset = header.lowest_live = 0;
  header.anchor = view.newest_owned.seq;
  header.durable_seq = tail.seq;
  header.durable_offset = tail.offset;
  if (ahead) {
    header.flags = format::flag::ahead;
    return put(header, {}, now_unix_ms);
  }
  header.first_offset = tail.offset;
  header.previous_hash = tail.previous_hash;
  if (view.newest.kind == Kind::data && view.newest.has(format::flag::closing)) {
    header.flags = format::flag::fences_nobody;
  }
  if (claimant_.purpose == Purpose::retire) header.flags = format::flag::retired;
  if (claimant_.purpose == Purpose::promote) header.flags = format::flag::promoted;
  if (mutated(Mutant::all_seals_fence_nobody)) header.flags = format::flag::fences_nobody;
  if (mutated(Mutant::seal_forgets_history)) return put(header, {}, now_unix_ms);
  return put(header, view.history, now_unix_ms);
}

Requests Takeover::put(Header header, format::EpochHistory history, std::int64_t now_unix_ms) {
  header.kind = Kind::seal;
  header.epoch = header.seq;
  header.writer_id = claimant_.writer_id;
  header.created_unix_ms = now_unix_ms;
  const format::SealBody body{.history = history, .host = claimant_.host, .pid = claimant_.pid};
  Request request = Request::make(Request::Kind::put_object, header.seq);
  request.body = format::encode_seal(header, body);
  seal_ = format::seal_header(header, body);
  history_ = std::move(history);
  stage_ = Stage::put;
  return {std::move(request)};
}

Requests Takeover::on_put(const Reply& reply) {
  if (reply.error && !reply.is(Code::already_exists)) return fail(*reply.error);
  const bool ahead = seal_->has(format::flag::ahead);
  if (mutated(Mutant::seal_exists_is_ours) && !ahead) return own(nullptr);
  if (reply.error) {
    ++lost_races_;
    return survey_again();  // it may be ours, from a try whose answer was lost: the survey tells
  }
  if (ahead) return mutated(Mutant::ahead_owns) ? own(nullptr) : survey_again();
  stored_ = seal_;
  if (mutated(Mutant::seal_not_rechecked)) return own(nullptr);
  // Was the place really the tail? If the log had been trimmed past it meanwhile, then a later
  // object says so, and was there before our seal was: this listing shows it.
  stage_ = Stage::recheck;
  return {Request::make(Request::Kind::list, seal_->seq + 1, 1)};
}

Requests Takeover::on_recheck(const Reply& reply) {
  if (reply.error) return fail(*reply.error);
  if (!reply.listed.empty()) return survey_again();
  return own(nullptr);
}

// `view`: the survey that shows our seal as the chain's end; null if nothing lies behind the seal.
Requests Takeover::own(const LogState* view) {
  Ownership ownership;
  ownership.writer_id = claimant_.writer_id;
  if (view != nullptr) {
    ownership.seal = view->newest;
    ownership.next = view->tail;
    ownership.history = view->history;
    ownership.leftovers = view->leftovers;
    view_ = *view;
  } else {
    ownership.seal = *seal_;
    Position at = position_of(*seal_);
    ownership.next = step(at, *seal_).value();
    ownership.history = history_;
    ownership.history.push_back({seal_->seq, seal_->first_offset, seal_->flags});
    if (view_) ownership.leftovers = view_->leftovers;
  }
  ownership.truncated_objects = truncated_objects_;
  ownership.since_checkpoint = ownership.seal.seq;
  if (view_ && view_->checkpoint) {
    ownership.swept_below = view_->checkpoint->swept_below;
    ownership.since_checkpoint -= std::min(view_->checkpoint->anchor, ownership.seal.seq);
  }
  result_ = std::move(ownership);
  return {};
}

Requests Takeover::fail(Error error) {
  result_ = Result<Ownership>(std::move(error));
  return {};
}

}  // namespace varve::protocol
