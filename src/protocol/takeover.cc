#include "protocol/takeover.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/mutant.h"
#include "format/seal.h"

namespace varve::protocol {

using format::Header;
using format::Kind;

namespace {

// So often the first hole may be won by the writer in office before a seal is placed ahead of it.
constexpr std::uint32_t races_before_ahead = 3;
constexpr std::uint32_t max_rounds = 256;

// Each round's claim has a name of its own: one that was revoked stays so.
format::Id claim_id(format::Id writer, std::uint32_t round) {
  writer.bytes[8] ^= static_cast<std::uint8_t>(round);
  writer.bytes[9] ^= static_cast<std::uint8_t>(round >> 8);
  return writer;
}

}  // namespace

Error newer_note(Seq seal) {
  return {Code::unsupported,
          fmt::format("the note of the promotion by seal {} is of a newer program: upgrade this one", seal)};
}

Requests Takeover::start(std::int64_t /*now_unix_ms*/) {
  claim_ = {.id = claim_id(claimant_.writer_id, rounds_)};
  return scan_.start();
}

Requests Takeover::on(const Reply& reply, std::int64_t now_unix_ms) {
  if (!is_waited_for(reply.kind)) return {};
  if (reply.kind == Request::Kind::put_claim) return on_claim(reply);
  if (done()) return {};
  switch (stage_) {
    case Stage::put:
      return on_put(reply);
    case Stage::recheck:
      return on_recheck(reply);
    case Stage::promotion:
      return on_promotion(reply, now_unix_ms);
    case Stage::scan:
      return on_scan(reply, now_unix_ms);
  }
  return {};
}

Requests Takeover::on_scan(const Reply& reply, std::int64_t now_unix_ms) {
  Requests more = scan_.on(reply);
  if (scan_.done()) {
    const Result<LogState>& view = scan_.result();
    return view ? on_view(*view, now_unix_ms) : doubt(view.error());
  }
  // There is a log: the claim goes out beside the scan's next requests.
  const bool exists = reply.kind != Request::Kind::list ? !reply.error : !reply.listed.empty();
  if (exists && !claim_.sent) std::ranges::move(put_claim(), std::back_inserter(more));
  return more;
}

// The claim. -----------------------------------------------------------------------------------------

Requests Takeover::put_claim() {
  if (mutated(Mutant::nothing_claimed)) claim_.stored = true;
  if (claim_.sent || claim_.stored) return {};
  claim_.sent = true;
  return {Request::make(Request::Kind::put_claim, claim_.id)};
}

Requests Takeover::on_claim(const Reply& reply) {
  if (done()) return release_claim();  // which may have been too early
  if (reply.error && !reply.is(Code::already_exists)) return fail(*reply.error);
  claim_.stored = true;
  return std::exchange(claim_.held, {});
}

Requests Takeover::when_claimed(Requests requests) {
  Requests claim = put_claim();
  if (claim_.stored) return requests;
  claim_.held = std::move(requests);
  return claim;
}

Requests Takeover::on_revoked(const Reply& reply) {
  if (reply.is(Code::not_found) || mutated(Mutant::revocation_ignored)) {
    return look_.doubted ? fail(*look_.doubted) : own(look_.view ? &*look_.view : nullptr);
  }
  if (reply.error) return fail(*reply.error);
  // A sweep has deleted objects since the claim was stored: a listing since then may show too little.
  ++lost_races_;
  Requests requests = release_claim();
  claim_ = {.id = claim_id(claimant_.writer_id, rounds_ + 1)};
  std::ranges::move(scan_again(), std::back_inserter(requests));
  return requests;
}

Requests Takeover::scan_again() {
  if (++rounds_ > max_rounds) {
    return fail(
        {Code::unavailable, "the log could not be taken over: its writers win every race; try again"});
  }
  stage_ = Stage::scan;
  scan_ = RecoveryScan({.want_history = true, .fewest_trips = true, .past_loss = claimant_.past_loss});
  claim_.before_the_scan = true;
  return when_claimed(scan_.start());
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
    if (view.checkpoint) return doubt(nothing_is_left(*view.checkpoint));
    return create(now_unix_ms);
  }
  if (auto refused = refusal(view)) return fail(refused->with_outcome(WriteOutcome::fenced));
  const Header& newest = view.newest;
  const bool regular_seal = newest.kind == Kind::seal && !newest.has(format::flag::ahead);
  if (regular_seal && newest.writer_id == claimant_.writer_id) {
    return claim_.before_the_scan ? confirm(view) : scan_again();
  }
  if (auto lost = lost_end_of(view)) return doubt(*std::move(lost));
  // A seal placed ahead (by a claimant that may be long dead) owns nothing: it only costs us another.
  const Header& owner = mutated(Mutant::ahead_fences_claimant) ? view.newest : view.newest_owned;
  if (stored_ && owner.writer_id != claimant_.writer_id && view.lowest_live() <= stored_->seq) {
    // Our seal was on the chain and is no longer its end: another claimant came after us.
    return doubt(
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
  look_ = {};
  Requests requests;
  requests.push_back(std::move(request));
  // Objects may have been deleted after the scan listed them and before the claim was stored. Then the newest
  // object is one that the scan did not see, and this listing shows it.
  requests.push_back(list_behind_view());
  look_.outstanding = static_cast<std::uint32_t>(requests.size());
  return when_claimed(std::move(requests));
}

Requests Takeover::on_put(const Reply& reply) {
  (reply.kind == Request::Kind::put_object ? look_.put : look_.behind) = reply;
  if (--look_.outstanding > 0) return {};
  const std::optional<Error>& refused = look_.put->error;
  if (refused && refused->code() != Code::already_exists) return fail(*refused);
  const bool ahead = seal_->has(format::flag::ahead);
  if (mutated(Mutant::seal_exists_is_ours) && !ahead) return own(nullptr);
  if (refused) {
    ++lost_races_;
    return scan_again();  // it may be ours, from a try whose answer was lost: the scan tells
  }
  if (ahead) return mutated(Mutant::ahead_owns) ? own(nullptr) : scan_again();
  stored_ = seal_;
  if (mutated(Mutant::seal_not_rechecked)) return own(nullptr);
  if (look_.behind->error) return fail(*look_.behind->error);
  return shows_news(*look_.behind) ? scan_again() : confirm({});
}

Request Takeover::list_behind_view() const {
  return Request::make(Request::Kind::list, view_ ? view_->newest.seq + 1 : 1, page_limit);
}

// Whether the listing shows an object that the scan did not see, or one beyond the seal's void.
bool Takeover::shows_news(const Reply& listing) const {
  const auto known = [&](const ListedSeq& object) {
    if (object.seq == seal_->seq) return true;
    if (!view_ || object.seq >= seal_->seq + seal_->window) return false;
    const auto same_place = [&](const ListedSeq& other) { return other.seq == object.seq; };
    return std::ranges::any_of(view_->leftovers, same_place) || std::ranges::any_of(view_->cut, same_place);
  };
  return listing.truncated || !std::ranges::all_of(listing.listed, known);
}

// A seal of ours is stored and seems to be the chain's end. It is, unless a sweep has revoked the claim.
// `view`: the scan that shows it; none if the listing beside the PUT showed nothing new.
Requests Takeover::confirm(std::optional<LogState> view) {
  stage_ = Stage::recheck;
  look_ = {.view = std::move(view)};
  Requests requests{Request::make(Request::Kind::get_revoked, claim_.id)};
  // Sweeps of earlier versions know no claims. What one deleted before the seal was stored shows here, if the
  // listing is one scan forward.
  if (!look_.view) requests.push_back(list_behind_view());
  look_.outstanding = static_cast<std::uint32_t>(requests.size());
  return requests;
}

Requests Takeover::on_recheck(const Reply& reply) {
  (reply.kind == Request::Kind::get_revoked ? look_.revoked : look_.behind) = reply;
  if (--look_.outstanding > 0) return {};
  if (look_.behind) {
    if (look_.behind->error) return fail(*look_.behind->error);
    if (shows_news(*look_.behind)) return scan_again();
  }
  return on_revoked(*look_.revoked);
}

// A scan without a claim, or under a revoked one, may take for damage what a sweep has deleted, or see a past
// in which another owned the log.
Requests Takeover::doubt(Error error) {
  const bool doubtful =
      error.code() == Code::corruption || error.code() == Code::foreign || error.code() == Code::fenced;
  if (!doubtful) return fail(std::move(error));
  if (!claim_.before_the_scan) return scan_again();
  stage_ = Stage::recheck;
  look_ = {.outstanding = 1, .doubted = std::move(error)};
  return {Request::make(Request::Kind::get_revoked, claim_.id)};
}

// `view`: the scan that shows our seal as the chain's end; null if nothing lies behind the seal.
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
    if (view_) {
      ownership.leftovers = view_->leftovers;
      ownership.leftovers.insert(ownership.leftovers.end(), view_->cut.begin(), view_->cut.end());
    }
  }
  ownership.truncated_objects = truncated_objects_;
  ownership.since_checkpoint = ownership.seal.seq;
  if (view_ && view_->checkpoint) {
    ownership.swept_below = view_->checkpoint->swept_below;
    ownership.since_checkpoint -= std::min(view_->checkpoint->anchor, ownership.seal.seq);
  }
  result_ = std::move(ownership);
  return release_claim();
}

Requests Takeover::fail(Error error) {
  result_ = Result<Ownership>(std::move(error));
  return release_claim();
}

Requests Takeover::release_claim() const {
  if (!claim_.sent) return {};
  return {Request::make(Request::Kind::remove_claim, claim_.id)};
}

}  // namespace varve::protocol
