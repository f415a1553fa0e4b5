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

Error missing(Seq seq, std::optional<Offset> offset, std::string_view what) {
  return {Code::corruption,
          fmt::format("object {}{} is missing: {}; restore it from a copy, or see `varve verify`", seq,
                      offset ? fmt::format(" (offset {})", *offset) : "", what)};
}

format::EpochHistory history_from(const Header& seal, format::SealBody body) {
  body.history.push_back({seal.seq, seal.first_offset, seal.flags});
  return std::move(body.history);
}

}  // namespace

Error nothing_there(const LogState& state) {
  const bool lost = state.checkpoint && !state.checkpoint->nothing_copied();
  if (lost) return nothing_is_left(*state.checkpoint);
  return {Code::not_found, "there is no log here; check the name"};
}

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
    case Stage::recovery:
      return on_header(reply);
    case Stage::promotions:
      if (reply.error && !reply.is(Code::not_found)) return fail(*reply.error);
      near_.promotions_noted = !reply.error;
      stage_ = Stage::headers;
      return walk_when_complete();
    case Stage::recheck:
      return on_recheck(reply);
    case Stage::first_copy:
      if (reply.is(Code::not_found)) return restart();
      if (reply.error) return fail(*reply.error);
      near_.headers.insert_or_assign(reply.seq, header_in(reply));
      return finish();
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
    if (!found && found.error().code() == Code::unsupported && !mutated(Mutant::newer_passed_over)) {
      return fail(found.error());
    }
    // Without its checkpoint a mirror looks like a log of its own.
    if (!found && ++unreadable_checkpoints_ < reads_max && !mutated(Mutant::unreadable_is_absent))
      return start();
    if (found) {
      hint = found->anchor - std::min<Seq>(found->anchor, std::min(2 * found->window, most_before_hint));
      near_.window = found->window;
      near_.checkpoint = *std::move(found);
    }
  }
  stage_ = Stage::listing;
  listing_.emplace(hint);
  return {listing_->first()};
}

Requests RecoveryScan::on_listing(const Reply& reply) {
  if (std::optional<Request> more = listing_->next(reply)) return {*std::move(more)};
  if (listing_->error()) return fail(*listing_->error());
  near_.listed = listing_->objects();
  const std::size_t count = near_.listed.size();
  if (count == 0) return finish();
  stage_ = Stage::headers;
  lowest_asked_ = count;
  return ask_headers_from(near_.window != 0 ? first_needed() : count - std::min(count, first_look));
}

// From which listed object on headers are needed for the highest anchor: from the newest chain object
// on, which is neither below `say_begins` nor below the checkpoint's anchor. The walk will begin before
// that: next to it after a clean close, else up to a window further down; so much of that as goes out
// in the same trip is asked for as well. Should the checkpoint mislead, the next look goes without it.
std::size_t RecoveryScan::first_needed() const {
  const auto& objects = near_.listed;
  const auto first_from = [&](Seq seq) {
    return static_cast<std::size_t>(std::ranges::lower_bound(objects, seq, {}, &ListedSeq::seq) -
                                    objects.begin());
  };
  const std::size_t of_end = first_from(say_begins(near_));
  if (!near_.checkpoint || restarts_ != 0) return of_end;
  const std::optional<std::size_t> index = near_.index_of(near_.checkpoint->anchor);
  if (!index) return of_end;
  if (*index + 1 == objects.size()) return *index - std::min(*index, first_look);
  const Seq needed = std::max(say_begins(near_), near_.checkpoint->anchor);
  const std::size_t same_trip = objects.size() - std::min(objects.size(), most_at_once);
  return std::min(first_from(needed),
                  std::max(first_from(needed - std::min(needed, Seq{near_.window})), same_trip));
}

Requests RecoveryScan::ask_headers_from(std::size_t index) {
  const std::uint32_t bytes = options_.fewest_trips ? front_bytes : std::uint32_t{format::header_bytes};
  Requests requests;
  for (; lowest_asked_ > index; --lowest_asked_) {
    requests.push_back(Request::make(Request::Kind::get_header, near_.listed[lowest_asked_ - 1].seq, bytes));
  }
  outstanding_ += requests.size();
  return requests;
}

Requests RecoveryScan::on_header(const Reply& reply) {
  if (reply.error && !reply.is(Code::not_found)) return fail(*reply.error);
  const Result<Header> header = header_in(reply);
  near_.headers.insert_or_assign(reply.seq, header);
  if (header && header->kind == Kind::seal && header->seq == reply.seq &&
      header->object_bytes == reply.bytes.size()) {
    // Damaged, or longer than what was read: it will be asked for, should it be needed.
    if (Result<format::SealBody> body = format::decode_seal(reply.bytes, *header)) {
      seals_.insert_or_assign(reply.seq, *std::move(body));
    }
  }
  if (--outstanding_ > 0) return {};
  return stage_ == Stage::recovery ? take_recovered() : walk_when_complete();
}

Requests RecoveryScan::walk_when_complete() {
  auto& headers = near_.headers;
  const auto known = std::ranges::find_if(headers.rbegin(), headers.rend(),
                                          [](const auto& entry) { return entry.second.has_value(); });
  if (known == headers.rend()) {
    if (lowest_asked_ > 0) return ask_headers_from(lowest_asked_ - std::min(lowest_asked_, 8 * first_look));
    return doubt(headers.rbegin()->first, headers.rbegin()->second.error());
  }
  const Header& newest = *known->second;
  near_.window = newest.window;
  if (near_.checkpoint && near_.checkpoint->log_id != newest.log_id) near_.checkpoint.reset();
  if (Requests more = ask_headers_from(std::min(lowest_asked_, first_needed())); !more.empty()) return more;

  Seq where = 0;
  if (auto foreign = foreign_object(&where)) return doubt(where, *std::move(foreign));
  if (nothing_copied_yet(near_)) return finish();
  if (!near_.promotions_noted && something_may_be_promotion(near_)) {
    stage_ = Stage::promotions;
    return {Request::make(Request::Kind::list_promotions)};
  }
  Seq anchor = highest_anchor(near_);
  if (mutated(Mutant::checkpoint_trusted) && near_.checkpoint) anchor = near_.checkpoint->anchor;
  if (options_.past_loss) anchor = std::max(anchor, *options_.past_loss);
  if (anchor < listing_->covered_from()) {  // the hint was beyond what the objects know for sure
    near_.headers.clear();
    seals_.clear();
    stage_ = Stage::listing;
    listing_.emplace(anchor);
    return ++restarts_ > max_restarts ? restart() : Requests{listing_->first()};
  }
  std::optional<std::size_t> index = near_.index_of(anchor);
  if (mutated(Mutant::hole_accepted)) {
    for (Seq before = anchor; !index && before > 0; --before) index = near_.index_of(before - 1);
  }
  // Did the newest objects go away since the listing? Then what is left knows too little: whoever trimmed
  // them has stored newer ones.
  if (!index && something_near_end_went() && !mutated(Mutant::stale_listing_believed)) return restart();
  if (!index) return suspect_missing(anchor, {}, "it is named as stored by a later object, and is gone");
  if (Requests more = ask_headers_from(std::min(lowest_asked_, *index)); !more.empty()) return more;
  return walk(*index);
}

// Far below the end may lie what a claimant that slept has put where the log was trimmed away.
std::optional<Error> RecoveryScan::foreign_object(Seq* where) const {
  const auto& headers = near_.headers;
  const auto newest = std::ranges::find_if(headers.rbegin(), headers.rend(),
                                           [](const auto& entry) { return entry.second.has_value(); });
  const format::Id log = newest->second->log_id;
  const Seq first = mutated(Mutant::far_junk_counts) ? 0 : say_begins(near_);
  for (auto at = headers.lower_bound(first); at != headers.end(); ++at) {
    const Result<Header>& header = at->second;
    if (!header || header->log_id == log) continue;
    *where = at->first;
    return Error(Code::foreign,
                 fmt::format("objects {} and {} belong to different logs ({} and {}); move the "
                             "foreign one away",
                             at->first, newest->first, to_hex(header->log_id), to_hex(log)));
  }
  return std::nullopt;
}

bool RecoveryScan::something_near_end_went() const {
  return std::any_of(
      near_.headers.lower_bound(say_begins(near_)), near_.headers.end(),
      [](const auto& entry) { return !entry.second && entry.second.error().code() == Code::not_found; });
}

Requests RecoveryScan::walk(std::size_t anchor_index) {
  const auto& objects = near_.listed;
  // What went away while we looked was trimmed or swept: the listing is out of date.
  for (std::size_t i = anchor_index; i < objects.size(); ++i) {
    const Result<Header>& header = near_.headers.at(objects[i].seq);
    if (!header && header.error().code() == Code::not_found) return restart();
  }
  const Seq anchor_seq = objects[anchor_index].seq;
  const Result<Header>& anchor = near_.headers.at(anchor_seq);
  if (!anchor) return doubt(anchor_seq, anchor.error());
  if (anchor->seq != anchor_seq || (anchor->kind == Kind::seal && anchor->has(format::flag::ahead))) {
    return doubt(anchor_seq,
                 {Code::corruption,
                  fmt::format("object {} is not the one that later objects name as stored", anchor_seq)});
  }
  anchor_epoch_ = anchor->epoch;
  anchor_epoch_begins_ = anchor->first_offset;
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
    const Result<Header>& header = near_.headers.at(at.seq);
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
    const Result<Header>& header = near_.headers.at(object.seq);
    if (!header) return doubt(object.seq, header.error());
  }
  if (const auto claim = furthest_claim(near_, at.seq); claim && claim->stored_below > at.seq) {
    return suspect_missing(at.seq, at.offset, describe(*claim));
  }
  if (view_.newest.kind == Kind::seal && !mutated(Mutant::seal_at_end_trusted)) {
    stage_ = Stage::recheck;
    return {Request::make(Request::Kind::list, objects.back().seq + 1, 1)};
  }
  return confirm_lost_end();
}

// A seal at the end may be one that a claimant who slept has put where the log was trimmed away since
// the listing. Then the log goes on behind all that was listed. (A claimant cannot leave this to the look
// behind his own seal: W places lie between the two, the log may have gone on in there, and a seal
// beyond its tail that says that all before it is stored makes it look damaged.)
Requests RecoveryScan::on_recheck(const Reply& reply) {
  if (reply.error) return fail(*reply.error);
  return reply.listed.empty() ? confirm_lost_end() : restart();
}

// As any suspicion: two scans in a row have to find it.
Requests RecoveryScan::confirm_lost_end() {
  const std::optional<LostEnd> lost = lost_end(view_.tail, near_.checkpoint);
  if (lost && doubted_ != view_.tail.seq && !mutated(Mutant::one_look)) {
    doubted_ = view_.tail.seq;
    return restart();
  }
  view_.lost_end = lost;
  return finish_or_ask_history();
}

// Listing and reading take time: an object that is stored, trimmed, or put where one was trimmed, while
// we look, can look missing or wrong. What two surveys in a row find so, is so.
Requests RecoveryScan::doubt(Seq seq, Error error) {
  if (doubted_ == seq || mutated(Mutant::one_look)) return recover(std::move(error));
  doubted_ = seq;
  return restart();
}

Requests RecoveryScan::suspect_missing(Seq seq, std::optional<Offset> offset, std::string_view what) {
  return doubt(seq, missing(seq, offset, what));
}

Requests RecoveryScan::restart() {
  if (++restarts_ > max_restarts) {
    return fail({Code::unavailable, "the log changes faster than it can be looked at; try again"});
  }
  near_ = {};
  seals_.clear();
  outstanding_ = 0;
  view_ = {};
  return start();
}

// What is damaged is damaged: what can be read all the same? Answered from all that was listed of the last
// four windows: the highest anchor is among that, wherever it is.
Requests RecoveryScan::recover(Error why) {
  const bool damaged = why.code() == Code::corruption || why.code() == Code::foreign;
  if (!options_.tell_damage || !damaged) return fail(std::move(why));
  view_ = {};
  view_.damage = Damage{.why = std::move(why)};
  if (near_.window == 0) return fail(view_.damage->why);
  stage_ = Stage::recovery;
  const Seq newest = near_.listed.back().seq;
  const Seq from = newest - std::min(newest, 4 * Seq{near_.window});
  const auto first = std::ranges::lower_bound(near_.listed, from, {}, &ListedSeq::seq);
  Requests more =
      ask_headers_from(std::min(lowest_asked_, static_cast<std::size_t>(first - near_.listed.begin())));
  return more.empty() ? take_recovered() : more;
}

Requests RecoveryScan::take_recovered() {
  for (const auto& [seq, header] : near_.headers) {
    if (header) continue;
    if (header.error().code() == Code::not_found) return restart();
    if (header.error().code() == Code::unsupported) return fail(header.error());
  }
  Result<RecoveredEnd> end = recover_end(near_);
  if (!end) return fail(view_.damage->why);
  view_.exists = true;
  view_.tail = end->tail;
  view_.newest = end->newest;
  view_.newest_owned = end->newest_owned;
  view_.leftovers = std::move(end->garbage);
  const auto cut = std::ranges::lower_bound(near_.listed, end->tail.seq, {}, &ListedSeq::seq);
  view_.cut.assign(cut, near_.listed.end());
  Damage& damage = *view_.damage;
  damage.lost = std::move(end->lost);
  damage.walk_from = end->walk_from;
  damage.end_unknown = end->end_unknown.has_value();
  if (end->end_unknown) damage.why = *std::move(end->end_unknown);
  damage.stored_below = end->stored_below;
  walked_seals_ = std::move(end->seals);
  anchor_epoch_ = end->first.epoch;
  anchor_epoch_begins_ = end->first.first_offset;
  return finish_or_ask_history();
}

Requests RecoveryScan::finish_or_ask_history() {
  if (!options_.want_history) return finish();
  if (near_.checkpoint && near_.checkpoint->history.back().seal == anchor_epoch_) {
    return finish_with(near_.checkpoint->history);
  }
  if (const auto found = seals_.find(anchor_epoch_); found != seals_.end()) {
    return finish_with(history_from(near_.headers.at(anchor_epoch_).value(), std::move(found->second)));
  }
  stage_ = Stage::seal;
  return {Request::make(Request::Kind::get_object, anchor_epoch_)};
}

// The seal of the epoch that the walk began in is lost: the checkpoint may know the epochs before.
Requests RecoveryScan::without_seal(Error why) {
  if (why.code() != Code::corruption && why.code() != Code::foreign) return fail(std::move(why));
  format::EpochHistory history;
  if (near_.checkpoint) history = near_.checkpoint->history;
  std::erase_if(history, [&](const format::EpochEntry& entry) { return entry.seal >= anchor_epoch_; });
  history.push_back({anchor_epoch_, anchor_epoch_begins_, 0});
  return finish_with(std::move(history));
}

// A checkpoint that a mirror which slept has put after the log became one of its own says nothing any more.
void RecoveryScan::judge_mirror() {
  const std::optional<Seq> mirrored = mirrored_epoch(view_.checkpoint);
  if (!mirrored) return;
  const auto promoted = [&](const format::EpochEntry& entry) {
    return entry.seal > *mirrored && (entry.flags & format::flag::promoted) != 0;
  };
  // A mirror's seals list the epoch of its checkpoint: it is theirs or one of the last before them. (That
  // there are records of later epochs tells nothing: the checkpoint of a mirror may come late, too.)
  const bool long_ago = !view_.history.empty() && view_.history.front().seal > *mirrored;
  if (long_ago || std::ranges::any_of(view_.history, promoted)) return;
  view_.mirror = view_.checkpoint->mirror;
  const std::optional<Seq> begun = view_.exists ? begun_at(near_) : std::nullopt;
  const auto first = begun ? near_.headers.find(*begun) : near_.headers.end();
  if (first == near_.headers.end() || !first->second) return;
  view_.mirror->begins_seq = *begun;
  view_.mirror->begins_offset = std::max(view_.mirror->begins_offset, first->second->first_offset);
}

Requests RecoveryScan::finish_with(format::EpochHistory until_anchor) {
  view_.history = std::move(until_anchor);
  view_.history.insert(view_.history.end(), walked_seals_.begin(), walked_seals_.end());
  return finish();
}

// Where a mirror has begun anew, with a late checkpoint: what is there tells its first offset.
std::optional<Seq> RecoveryScan::unread_first_copy() const {
  if (!view_.exists || !mirrored_epoch(near_.checkpoint)) return std::nullopt;
  const std::optional<Seq> begun = begun_at(near_);
  return begun && !near_.headers.contains(*begun) ? begun : std::nullopt;
}

Requests RecoveryScan::finish() {
  view_.checkpoint = near_.checkpoint;
  if (const auto first = unread_first_copy()) {
    stage_ = Stage::first_copy;
    return {Request::make(Request::Kind::get_header, *first)};
  }
  judge_mirror();
  result_ = view_;
  return {};
}

Requests RecoveryScan::on_seal(const Reply& reply) {
  const Result<Header> header = header_in(reply);
  std::optional<Error> wrong;
  if (!header) {
    // A live epoch's seal is never deleted; but the epoch may have been trimmed since we walked it.
    wrong = reply.is(Code::not_found) ? missing(reply.seq, {}, "it is the seal of an epoch in use")
                                      : header.error();
  } else if (header->kind != Kind::seal || header->seq != reply.seq) {
    wrong = Error(Code::corruption, fmt::format("object {} is not the seal of its epoch", reply.seq));
  } else if (Result<format::SealBody> body = format::decode_seal(reply.bytes, *header)) {
    return finish_with(history_from(*header, *std::move(body)));
  } else {
    wrong = body.error().with_context(fmt::format("object {}", reply.seq));
  }
  if (view_.damage || (options_.past_loss && doubted_ == reply.seq)) return without_seal(*std::move(wrong));
  return doubt(reply.seq, *std::move(wrong));
}

Requests RecoveryScan::fail(Error error) {
  result_ = Result<LogState>(std::move(error));
  return {};
}

}  // namespace varve::protocol
