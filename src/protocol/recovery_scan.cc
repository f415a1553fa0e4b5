#include "protocol/recovery_scan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutant.h"
#include "format/seal.h"

namespace varve::protocol {

using format::Header;
using format::Kind;

Offset LogState::start_offset() const {
  if (!mirror) return newest_owned.start_offset;
  return mirror->keeps ? mirror->begins_offset : std::max(mirror->begins_offset, newest_owned.start_offset);
}

Seq LogState::lowest_live() const {
  if (!mirror) return newest_owned.lowest_live;
  return mirror->keeps ? mirror->begins_seq : std::max(mirror->begins_seq, newest_owned.lowest_live);
}

bool LogState::retired() const {
  const auto regular = std::ranges::find_if(history.rbegin(), history.rend(), [](const auto& entry) {
    return (entry.flags & format::flag::ahead) == 0;
  });
  return regular != history.rend() && (regular->flags & format::flag::retired) != 0;
}

std::optional<Seq> LogState::newest_promotion() const {
  const auto promotion = std::ranges::find_if(history.rbegin(), history.rend(), [](const auto& entry) {
    return (entry.flags & format::flag::promoted) != 0;
  });
  return promotion == history.rend() ? std::nullopt : std::optional(promotion->seal);
}

namespace {

// Without a checkpoint the window is not known yet; these many headers surely tell it.
constexpr std::size_t first_look = 8;
// Objects come and go while we look; a log that changes under so many looks is not to be caught.
constexpr std::uint32_t max_restarts = 16;
// How far before the checkpoint's anchor listing begins at most: the anchor that the last objects
// name is up to two windows before them (a void between), and should be in the same page.
constexpr std::uint32_t most_before_hint = page_limit / 2;

format::EpochHistory history_from(const Header& seal, format::SealBody body) {
  body.history.push_back({seal.seq, seal.first_offset, seal.flags});
  return std::move(body.history);
}

}  // namespace

Result<Header> header_in(const Reply& reply) {
  if (reply.error) return *reply.error;
  Result<Header> header = format::decode_header(reply.bytes);
  if (!header) return header.error().with_context(fmt::format("object {}", reply.seq));
  return header;
}

Requests RecoveryScan::start() {
  stage_ = Stage::checkpoint;
  return {Request::make(Request::Kind::get_checkpoint)};
}

Requests RecoveryScan::on(const Reply& reply) {
  if (done()) return {};
  switch (stage_) {
    case Stage::checkpoint:
      return on_checkpoint(reply);
    case Stage::listing:
      return on_listing(reply);
    case Stage::headers:
      return on_header(reply);
    case Stage::promotions:
      if (reply.error && !reply.is(Code::not_found)) return fail(*reply.error);
      unreadable_.promotions_noted = !reply.error;
      stage_ = Stage::headers;
      return walk_when_complete();
    case Stage::recheck:
      return on_recheck(reply);
    case Stage::seal:
      return on_seal(reply);
  }
  return {};
}

Requests RecoveryScan::on_checkpoint(const Reply& reply) {
  if (reply.error && !reply.is(Code::not_found)) return fail(*reply.error);
  Seq hint = 0;
  if (!reply.error) {
    Result<format::Checkpoint> found = format::decode_checkpoint(reply.bytes);
    // Without its checkpoint a mirror looks like a log of its own.
    if (!found && ++unreadable_.checkpoints < reads_max && !mutated(Mutant::unreadable_is_absent))
      return start();
    if (found) {
      hint = found->anchor - std::min<Seq>(found->anchor, std::min(2 * found->window, most_before_hint));
      window_ = found->window;
      view_.checkpoint = *std::move(found);
    }
  }
  stage_ = Stage::listing;
  listing_.emplace(hint);
  return {listing_->first()};
}

Requests RecoveryScan::on_listing(const Reply& reply) {
  if (std::optional<Request> more = listing_->next(reply)) return {*std::move(more)};
  if (listing_->error()) return fail(*listing_->error());
  const std::size_t count = listing_->objects().size();
  if (count == 0) return finish();
  stage_ = Stage::headers;
  lowest_asked_ = count;
  return ask_headers_from(window_ != 0 ? first_needed() : count - std::min(count, first_look));
}

// Below this seq there can be no newest chain object: what lies beyond that one (an unfinished tail,
// a seal placed ahead) is within a window of the tail, and the tail within a window of it.
Seq RecoveryScan::near_end() const {
  const Seq newest = listing_->objects().back().seq;
  return newest - std::min(newest, 2 * Seq{window_});
}

// From which listed object on headers are needed for the highest anchor: from the newest chain object
// on, which is neither below `near_end` nor below the checkpoint's anchor. The walk will begin before
// that: next to it after a clean close, else up to a window further down; so much of that as goes out
// in the same trip is asked for as well. Should the checkpoint mislead, the next look goes without it.
std::size_t RecoveryScan::first_needed() const {
  const auto& objects = listing_->objects();
  const auto first_from = [&](Seq seq) {
    return static_cast<std::size_t>(std::ranges::lower_bound(objects, seq, {}, &ListedSeq::seq) -
                                    objects.begin());
  };
  const std::size_t of_end = first_from(near_end());
  if (!view_.checkpoint || restarts_ != 0) return of_end;
  const std::optional<std::size_t> index = index_of(view_.checkpoint->anchor);
  if (!index) return of_end;
  if (*index + 1 == objects.size()) return *index - std::min(*index, first_look);
  const Seq needed = std::max(near_end(), view_.checkpoint->anchor);
  const std::size_t same_trip = objects.size() - std::min(objects.size(), most_at_once);
  return std::min(first_from(needed),
                  std::max(first_from(needed - std::min(needed, Seq{window_})), same_trip));
}

std::optional<std::size_t> RecoveryScan::index_of(Seq seq) const {
  const auto& objects = listing_->objects();
  const auto at = std::ranges::lower_bound(objects, seq, {}, &ListedSeq::seq);
  if (at == objects.end() || at->seq != seq) return std::nullopt;
  return static_cast<std::size_t>(at - objects.begin());
}

Requests RecoveryScan::ask_headers_from(std::size_t index) {
  const std::uint32_t bytes = options_.fewest_trips ? front_bytes : std::uint32_t{format::header_bytes};
  Requests requests;
  for (; lowest_asked_ > index; --lowest_asked_) {
    requests.push_back(
        Request::make(Request::Kind::get_header, listing_->objects()[lowest_asked_ - 1].seq, bytes));
  }
  outstanding_ += requests.size();
  return requests;
}

Requests RecoveryScan::on_header(const Reply& reply) {
  if (reply.error && !reply.is(Code::not_found)) return fail(*reply.error);
  const Result<Header> header = header_in(reply);
  headers_.insert_or_assign(reply.seq, header);
  if (header && header->kind == Kind::seal && header->seq == reply.seq &&
      header->object_bytes == reply.bytes.size()) {
    // Damaged, or longer than what was read: it will be asked for, should it be needed.
    if (Result<format::SealBody> body = format::decode_seal(reply.bytes, *header)) {
      seals_.insert_or_assign(reply.seq, *std::move(body));
    }
  }
  if (--outstanding_ > 0) return {};
  return walk_when_complete();
}

Requests RecoveryScan::walk_when_complete() {
  const auto known = std::ranges::find_if(headers_.rbegin(), headers_.rend(),
                                          [](const auto& entry) { return entry.second.has_value(); });
  if (known == headers_.rend()) {
    if (lowest_asked_ > 0) return ask_headers_from(lowest_asked_ - std::min(lowest_asked_, 8 * first_look));
    return doubt(headers_.rbegin()->first, headers_.rbegin()->second.error());
  }
  const Header& newest = *known->second;
  window_ = newest.window;
  if (view_.checkpoint && view_.checkpoint->log_id != newest.log_id) view_.checkpoint.reset();
  if (Requests more = ask_headers_from(std::min(lowest_asked_, first_needed())); !more.empty()) return more;

  for (auto at = first_with_a_say(); at != headers_.end(); ++at) {
    const Result<Header>& header = at->second;
    if (!header || header->log_id == newest.log_id) continue;
    return doubt(
        at->first,
        {Code::foreign, fmt::format("objects {} and {} belong to different logs ({} and {}); move the "
                                    "foreign one away",
                                    at->first, known->first, to_hex(header->log_id), to_hex(newest.log_id))});
  }
  if (nothing_copied_yet()) return finish();
  if (!unreadable_.promotions_noted && something_may_be_promotion()) {
    stage_ = Stage::promotions;
    return {Request::make(Request::Kind::list_promotions)};
  }
  Seq anchor = highest_anchor();
  if (mutated(Mutant::checkpoint_trusted) && view_.checkpoint) anchor = view_.checkpoint->anchor;
  if (options_.past_loss) anchor = std::max(anchor, *options_.past_loss);
  if (anchor < listing_->covered_from()) {  // the hint was beyond what the objects know for sure
    headers_.clear();
    seals_.clear();
    stage_ = Stage::listing;
    listing_.emplace(anchor);
    return ++restarts_ > max_restarts ? restart() : Requests{listing_->first()};
  }
  std::optional<std::size_t> index = index_of(anchor);
  if (mutated(Mutant::hole_accepted)) {
    for (Seq before = anchor; !index && before > 0; --before) index = index_of(before - 1);
  }
  // Did the newest objects go away since the listing? Then what is left knows too little: whoever trimmed
  // them has stored newer ones.
  if (!index && something_near_end_went() && !mutated(Mutant::stale_listing_believed)) return restart();
  if (!index) return suspect_missing(anchor, {}, "it is named as stored by a later object, and is gone");
  if (Requests more = ask_headers_from(std::min(lowest_asked_, *index)); !more.empty()) return more;
  return walk(*index);
}

// Far below the end may lie what a claimant that slept has put where the log was trimmed away.
RecoveryScan::Headers::const_iterator RecoveryScan::first_with_a_say() const {
  return headers_.lower_bound(mutated(Mutant::far_junk_counts) ? 0 : near_end());
}

// A mirror's copies tell what was stored at the source. So while the log is a mirror, its checkpoint says up
// to where it is whole. That may be swept since (a checkpoint that came late), but where it was, a copy near
// the end tells of the trim, and none was put before all below what that leaves was stored. And once it is a
// log of its own, what was copied too far lies in the void of the seal that made it so, and is not asked.
// (Where that seal has been trimmed away, it voids nothing: its place may since have been taken by a claimant
// that slept.)
Seq RecoveryScan::highest_anchor() const {
  Seq lowest_live = 0;
  for (auto at = first_with_a_say(); at != headers_.end(); ++at) {
    if (at->second) lowest_live = std::max(lowest_live, at->second->lowest_live);
  }
  const std::optional<Seq> mirrored = mirrored_epoch();
  Seq anchor = mirrored ? view_.checkpoint->anchor : 0;
  Seq void_end = 0;    // of a promotion's seal
  Seq silent_end = 0;  // of an object that may be one: what lies there may be one as well
  for (auto at = first_with_a_say(); at != headers_.end(); ++at) {
    const auto& [seq, header] = *at;
    if (seq < void_end && !mutated(Mutant::void_anchors_believed)) continue;
    if (!header) {
      if (seq >= lowest_live && may_be_promotion(seq, header.error())) silent_end = seq + window_;
      continue;
    }
    const bool copy = mirrored && header->epoch <= *mirrored;
    const bool promoted = !copy && header->kind == Kind::seal && header->has(format::flag::promoted);
    if (promoted && seq >= lowest_live && header->seq == seq) void_end = seq + window_;
    if (seq < silent_end && !mutated(Mutant::void_anchors_believed)) continue;
    if (copy) {
      const bool trimmed_here = header->lowest_live > anchor && index_of(header->lowest_live);
      if (trimmed_here && !mutated(Mutant::mirror_late_believed)) anchor = header->lowest_live;
      continue;
    }
    anchor = mutated(Mutant::newest_anchor_only) ? header->anchor : std::max(anchor, header->anchor);
  }
  if (mirrored && anchor == view_.checkpoint->anchor) anchor = begun_at().value_or(anchor);
  return anchor;
}

// A mirror's first checkpoint may come late, when another mirror has begun anew: the copies begin behind it,
// or so far behind it as no copy goes while the place is empty that follows it.
std::optional<Seq> RecoveryScan::begun_at() const {
  const format::Checkpoint& known = *view_.checkpoint;
  if (!known.nothing_copied()) return std::nullopt;
  const auto& objects = listing_->objects();
  auto next = std::ranges::lower_bound(objects, known.anchor, {}, &ListedSeq::seq);
  Seq from = known.anchor;
  if (next != objects.end() && next->seq == known.anchor) {
    ++next;
    from += 2 * Seq{known.window};
  }
  return next == objects.end() || next->seq < from ? std::nullopt : std::optional(next->seq);
}

// An unreadable object may be the seal of a promotion, behind which late copies lie. So it silences what such
// a seal silences; then the walk comes to it, and it is read again. An ordinary checkpoint tells which seals
// there are up to its anchor; and where no promotion was ever noted, there was none.
bool RecoveryScan::may_be_promotion(Seq seq, const Error& error) const {
  if (error.code() == Code::not_found || mutated(Mutant::unreadable_is_absent)) return false;
  const std::optional<format::Checkpoint>& known = view_.checkpoint;
  if (!known || known->mirror || known->anchor < seq) return unreadable_.promotions_noted.value_or(true);
  const auto entry = std::ranges::lower_bound(known->history, seq, {}, &format::EpochEntry::seal);
  return entry != known->history.end() && entry->seal == seq && (entry->flags & format::flag::promoted) != 0;
}

bool RecoveryScan::something_may_be_promotion() const {
  return std::any_of(first_with_a_say(), headers_.end(), [this](const auto& entry) {
    return !entry.second && may_be_promotion(entry.first, entry.second.error());
  });
}

// The epoch up to which objects here are copies, if the checkpoint says that they are.
std::optional<Seq> RecoveryScan::mirrored_epoch() const {
  if (!view_.checkpoint || !view_.checkpoint->mirror || mutated(Mutant::mirror_anchors_believed))
    return std::nullopt;
  return view_.checkpoint->history.back().seal;
}

// A mirror's first checkpoint is put before the first record: until that is there, there is no log.
bool RecoveryScan::nothing_copied_yet() const {
  if (!mirrored_epoch() || !view_.checkpoint->nothing_copied()) return false;
  return listing_->objects().back().seq < view_.checkpoint->anchor;
}

bool RecoveryScan::something_near_end_went() const {
  return std::any_of(headers_.lower_bound(near_end()), headers_.end(), [](const auto& entry) {
    return !entry.second && entry.second.error().code() == Code::not_found;
  });
}

Requests RecoveryScan::walk(std::size_t anchor_index) {
  const auto& objects = listing_->objects();
  // What went away while we looked was trimmed or swept: the listing is out of date.
  for (std::size_t i = anchor_index; i < objects.size(); ++i) {
    const Result<Header>& header = headers_.at(objects[i].seq);
    if (!header && header.error().code() == Code::not_found) return restart();
  }
  const Seq anchor_seq = objects[anchor_index].seq;
  const Result<Header>& anchor = headers_.at(anchor_seq);
  if (!anchor) return doubt(anchor_seq, anchor.error());
  if (anchor->seq != anchor_seq || (anchor->kind == Kind::seal && anchor->has(format::flag::ahead))) {
    return doubt(anchor_seq,
                 {Code::corruption,
                  fmt::format("object {} is not the one that later objects name as stored", anchor_seq)});
  }
  anchor_epoch_ = anchor->epoch;
  walked_seals_.clear();
  view_.exists = true;
  view_.leftovers.clear();
  view_.cut.clear();
  Position at = position_of(*anchor);
  for (std::size_t i = anchor_index; i < objects.size(); ++i) {
    if (objects[i].seq < at.seq) {
      view_.leftovers.push_back(objects[i]);
      continue;
    }
    if (objects[i].seq > at.seq) {
      view_.cut.assign(objects.begin() + static_cast<std::ptrdiff_t>(i), objects.end());
      break;
    }
    const Result<Header>& header = headers_.at(at.seq);
    if (!header) return doubt(at.seq, header.error());
    const Result<Position> next = step(at, *header);
    if (!next) return doubt(at.seq, next.error());
    const bool seal = header->kind == Kind::seal;
    if (seal && i != anchor_index) walked_seals_.push_back({header->seq, at.offset, header->flags});
    view_.newest = *header;
    if (!seal || !header->has(format::flag::ahead)) view_.newest_owned = *header;
    at = *next;
  }
  view_.tail = at;
  for (const ListedSeq& object : view_.cut) {
    const Result<Header>& header = headers_.at(object.seq);
    if (!header) return doubt(object.seq, header.error());
  }
  if (const std::optional<Error> lost = claims_beyond(at)) {
    return suspect_missing(at.seq, at.offset, lost->message());
  }
  if (view_.newest.kind == Kind::seal && !mutated(Mutant::seal_at_end_trusted)) {
    stage_ = Stage::recheck;
    return {Request::make(Request::Kind::list, objects.back().seq + 1, 1)};
  }
  return finish_or_ask_history();
}

// A seal at the end may be one that a claimant who slept has put where the log was trimmed away since
// the listing. Then the log goes on behind all that was listed. (A claimant cannot leave this to the look
// behind his own seal: W places lie between the two, the log may have gone on in there, and a seal
// beyond its tail that says that all before it is stored makes it look damaged.)
Requests RecoveryScan::on_recheck(const Reply& reply) {
  if (reply.error) return fail(*reply.error);
  return reply.listed.empty() ? finish_or_ask_history() : restart();
}

// A hole is the tail only if nothing behind it knows better: an object that was made when the hole's
// place was stored, one that could only be made after that, or one that the checkpoint knows as stored
// with all before it. (After a clean close that may be the only witness: the last objects were made
// before the first was acknowledged.) What copies know was stored at the source, not here.
std::optional<Error> RecoveryScan::claims_beyond(const Position& hole) const {
  if (mutated(Mutant::hole_accepted)) return std::nullopt;
  for (const ListedSeq& object : view_.cut) {
    const Header& header = *headers_.at(object.seq);
    const bool of_source = mirrored_epoch() && header.epoch <= *mirrored_epoch();
    const bool knew = header.durable_seq > hole.seq && !of_source;
    const bool too_far = header.kind == Kind::data && header.seq >= hole.seq + hole.window;
    if (view_.checkpoint && view_.checkpoint->anchor == object.seq) {
      return Error(
          Code::corruption,
          fmt::format("it was acknowledged (the checkpoint says that all up to object {} was stored)",
                      object.seq));
    }
    if (knew || too_far) {
      return Error(
          Code::corruption,
          fmt::format("it was acknowledged (object {} says that all below object {}, offset {}, was stored)",
                      header.seq, header.durable_seq, header.durable_offset));
    }
  }
  return std::nullopt;
}

// Listing and reading take time: an object that is stored, trimmed, or put where one was trimmed, while
// we look, can look missing or wrong. What two surveys in a row find so, is so.
Requests RecoveryScan::doubt(Seq seq, Error error) {
  if (doubted_ == seq || mutated(Mutant::one_look)) return fail(std::move(error));
  doubted_ = seq;
  return restart();
}

Requests RecoveryScan::suspect_missing(Seq seq, std::optional<Offset> offset, std::string_view what) {
  return doubt(seq, {Code::corruption,
                     fmt::format("object {}{} is missing: {}; restore it from a copy, or see `varve verify`",
                                 seq, offset ? fmt::format(" (offset {})", *offset) : "", what)});
}

Requests RecoveryScan::restart() {
  if (++restarts_ > max_restarts) {
    return fail({Code::unavailable, "the log changes faster than it can be looked at; try again"});
  }
  headers_.clear();
  seals_.clear();
  outstanding_ = 0;
  window_ = 0;
  view_ = {};
  return start();
}

Requests RecoveryScan::finish_or_ask_history() {
  if (!options_.want_history) return finish();
  if (view_.checkpoint && !view_.checkpoint->history.empty() &&
      view_.checkpoint->history.back().seal == anchor_epoch_) {
    return finish_with(view_.checkpoint->history);
  }
  if (const auto found = seals_.find(anchor_epoch_); found != seals_.end()) {
    return finish_with(history_from(headers_.at(anchor_epoch_).value(), std::move(found->second)));
  }
  stage_ = Stage::seal;
  return {Request::make(Request::Kind::get_object, anchor_epoch_)};
}

// A checkpoint that a mirror which slept has put after the log became one of its own says nothing any more.
void RecoveryScan::judge_mirror() {
  const std::optional<Seq> mirrored = mirrored_epoch();
  if (!mirrored) return;
  const auto promoted = [&](const format::EpochEntry& entry) {
    return entry.seal > *mirrored && (entry.flags & format::flag::promoted) != 0;
  };
  // A mirror's seals list the epoch of its checkpoint: it is theirs or one of the last before them. (That
  // there are records of later epochs tells nothing: the checkpoint of a mirror may come late, too.)
  const bool long_ago = !view_.history.empty() && view_.history.front().seal > *mirrored;
  if (long_ago || std::ranges::any_of(view_.history, promoted)) return;
  view_.mirror = view_.checkpoint->mirror;
  const std::optional<Seq> begun = view_.exists ? begun_at() : std::nullopt;
  if (!begun || !headers_.contains(*begun) || !headers_.at(*begun)) return;
  view_.mirror->begins_seq = *begun;
  view_.mirror->begins_offset = std::max(view_.mirror->begins_offset, headers_.at(*begun)->first_offset);
}

Requests RecoveryScan::finish_with(format::EpochHistory until_anchor) {
  view_.history = std::move(until_anchor);
  view_.history.insert(view_.history.end(), walked_seals_.begin(), walked_seals_.end());
  return finish();
}

Requests RecoveryScan::finish() {
  judge_mirror();
  result_ = view_;
  return {};
}

Requests RecoveryScan::on_seal(const Reply& reply) {
  const Result<Header> header = header_in(reply);
  if (!header) {
    // A live epoch's seal is never deleted; but the epoch may have been trimmed since we walked it.
    if (reply.is(Code::not_found)) return suspect_missing(reply.seq, {}, "it is the seal of an epoch in use");
    return doubt(reply.seq, header.error());
  }
  if (header->kind != Kind::seal || header->seq != reply.seq) {
    return doubt(reply.seq,
                 {Code::corruption, fmt::format("object {} is not the seal of its epoch", reply.seq)});
  }
  Result<format::SealBody> body = format::decode_seal(reply.bytes, *header);
  if (!body) return doubt(reply.seq, body.error().with_context(fmt::format("object {}", reply.seq)));
  return finish_with(history_from(*header, *std::move(body)));
}

Requests RecoveryScan::fail(Error error) {
  result_ = Result<LogState>(std::move(error));
  return {};
}

}  // namespace varve::protocol
