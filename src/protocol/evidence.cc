#include "protocol/evidence.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutant.h"

namespace varve::protocol {

using format::Header;
using format::Kind;
namespace flag = format::flag;

std::optional<std::size_t> NearEnd::index_of(Seq seq) const {
  const auto at = std::ranges::lower_bound(listed, seq, {}, &ListedSeq::seq);
  if (at == listed.end() || at->seq != seq) return std::nullopt;
  return static_cast<std::size_t>(at - listed.begin());
}

Seq say_begins(const NearEnd& near) {
  if (near.listed.empty()) return 0;
  const Seq newest = near.listed.back().seq;
  return newest - std::min(newest, 2 * Seq{near.window});
}

std::optional<Seq> mirrored_epoch(const std::optional<format::Checkpoint>& checkpoint) {
  if (!checkpoint || !checkpoint->mirror || mutated(Mutant::mirror_anchors_believed)) return std::nullopt;
  return checkpoint->history.back().seal;
}

bool nothing_copied_yet(const NearEnd& near) {
  if (!mirrored_epoch(near.checkpoint) || !near.checkpoint->nothing_copied()) return false;
  return near.listed.empty() || near.listed.back().seq < near.checkpoint->anchor;
}

// The copies begin behind that checkpoint, or so far behind it as no copy goes while the place is empty that
// follows it.
std::optional<Seq> begun_at(const NearEnd& near) {
  if (!near.checkpoint || !near.checkpoint->nothing_copied()) return std::nullopt;
  const format::Checkpoint& known = *near.checkpoint;
  auto next = std::ranges::lower_bound(near.listed, known.anchor, {}, &ListedSeq::seq);
  Seq from = known.anchor;
  if (next != near.listed.end() && next->seq == known.anchor) {
    ++next;
    from += 2 * Seq{known.window};
  }
  return next == near.listed.end() || next->seq < from ? std::nullopt : std::optional(next->seq);
}

namespace {

auto first_with_a_say(const NearEnd& near) {
  return near.headers.lower_bound(mutated(Mutant::far_junk_counts) ? 0 : say_begins(near));
}

// An unreadable object may be the seal of a promotion, behind which late copies lie. So it silences what such
// a seal silences; then the walk comes to it, and it is read again. An ordinary checkpoint tells which seals
// there are up to its anchor; and where no promotion was ever noted, there was none.
bool may_be_promotion(const NearEnd& near, Seq seq, const Error& error) {
  if (error.code() == Code::not_found || mutated(Mutant::unreadable_is_absent)) return false;
  const std::optional<format::Checkpoint>& known = near.checkpoint;
  if (!known || known->mirror || known->anchor < seq) return near.promotions_noted.value_or(true);
  const auto entry = std::ranges::lower_bound(known->history, seq, {}, &format::EpochEntry::seal);
  return entry != known->history.end() && entry->seal == seq && (entry->flags & flag::promoted) != 0;
}

}  // namespace

bool something_may_be_promotion(const NearEnd& near) {
  return std::any_of(first_with_a_say(near), near.headers.end(), [&](const auto& entry) {
    return !entry.second && may_be_promotion(near, entry.first, entry.second.error());
  });
}

// A mirror's copies tell what was stored at the source. So while the log is a mirror, its checkpoint says up
// to where it is whole. That may be swept since (a checkpoint that came late), but where it was, a copy near
// the end tells of the trim, and none was put before all below what that leaves was stored. And once it is a
// log of its own, what was copied too far lies in the void of the seal that made it so, and is not asked.
// (Where that seal has been trimmed away, it voids nothing: its place may since have been taken by a claimant
// that slept.)
Seq highest_anchor(const NearEnd& near) {
  Seq lowest_live = 0;
  for (auto at = first_with_a_say(near); at != near.headers.end(); ++at) {
    if (at->second) lowest_live = std::max(lowest_live, at->second->lowest_live);
  }
  const std::optional<Seq> mirrored = mirrored_epoch(near.checkpoint);
  Seq anchor = mirrored ? near.checkpoint->anchor : 0;
  Seq void_end = 0;    // of a promotion's seal
  Seq silent_end = 0;  // of an object that may be one: what lies there may be one as well
  for (auto at = first_with_a_say(near); at != near.headers.end(); ++at) {
    const auto& [seq, header] = *at;
    if (seq < void_end && !mutated(Mutant::void_anchors_believed)) continue;
    if (!header) {
      if (seq >= lowest_live && may_be_promotion(near, seq, header.error())) silent_end = seq + near.window;
      continue;
    }
    const bool copy = mirrored && header->epoch <= *mirrored;
    const bool promoted = !copy && header->kind == Kind::seal && header->has(flag::promoted);
    if (promoted && seq >= lowest_live && header->seq == seq) void_end = seq + near.window;
    if (seq < silent_end && !mutated(Mutant::void_anchors_believed)) continue;
    if (copy) {
      const bool trimmed_here = header->lowest_live > anchor && near.is_listed(header->lowest_live);
      if (trimmed_here && !mutated(Mutant::mirror_late_believed)) anchor = header->lowest_live;
      continue;
    }
    anchor = mutated(Mutant::newest_anchor_only) ? header->anchor : std::max(anchor, header->anchor);
  }
  if (mirrored && anchor == near.checkpoint->anchor) anchor = begun_at(near).value_or(anchor);
  return anchor;
}

// An object that was made when a place was stored; one that could only be made after that; one that the
// checkpoint knows as stored with all before it. (After a clean close that may be the only witness: the last
// objects were made before the first was acknowledged.) What copies know was stored at the source, not here.
std::optional<Claim> furthest_claim(const NearEnd& near, Seq from) {
  if (mutated(Mutant::hole_accepted)) return std::nullopt;
  std::optional<Claim> furthest;
  const auto claim = [&](const Claim& one) {
    if (!furthest || one.stored_below > furthest->stored_below) furthest = one;
  };
  const std::optional<Seq> mirrored = mirrored_epoch(near.checkpoint);
  for (auto at = near.headers.lower_bound(from); at != near.headers.end(); ++at) {
    const auto& [seq, header] = *at;
    if (!header) continue;
    const bool of_source = mirrored && header->epoch <= *mirrored;
    if (!of_source) claim({Proof::header, seq, header->durable_seq, header->durable_offset});
    if (header->kind == Kind::data && header->seq + 1 > near.window) {
      claim({Proof::window, seq, header->seq + 1 - near.window, 0});
    }
    if (near.checkpoint && near.checkpoint->anchor == seq) claim({Proof::checkpoint, seq, seq + 1, 0});
  }
  return furthest;
}

std::string describe(const Claim& claim) {
  switch (claim.proof) {
    case Proof::header:
      return fmt::format(
          "it was acknowledged (object {} says that all below object {}, offset {}, was stored)",
          claim.witness, claim.stored_below, claim.offset);
    case Proof::window:
      return fmt::format("it was acknowledged (object {} was put when all below object {} was stored)",
                         claim.witness, claim.stored_below);
    case Proof::checkpoint:
      break;
  }
  return fmt::format("it was acknowledged (the checkpoint says that all up to object {} was stored)",
                     claim.witness);
}

// The checkpoint was read before the objects were listed. What it names was stored by then, so it is listed,
// or a later object tells that it was trimmed, and the tail lies behind it.
std::optional<LostEnd> lost_end(const Position& tail, const std::optional<format::Checkpoint>& checkpoint) {
  if (!checkpoint || checkpoint->log_id != tail.log_id || mutated(Mutant::lost_end_ignored))
    return std::nullopt;
  // A mirror's first one names an object that is about to be copied.
  if (checkpoint->anchor < tail.seq || checkpoint->nothing_copied()) return std::nullopt;
  if (tail.epoch > checkpoint->history.back().seal) return std::nullopt;
  return LostEnd{checkpoint->anchor};
}

Error explain(const LostEnd& lost, const Position& tail) {
  return {Code::corruption,
          fmt::format(
              "the end of the log is lost: its checkpoint says that all up to object {} was stored, and "
              "there is nothing from object {} (offset {}) on; restore the missing objects from a copy, or "
              "give them up: `varve repair --accept-end {}`",
              lost.named, tail.seq, tail.offset, tail.offset)};
}

Error nothing_is_left(const format::Checkpoint& checkpoint) {
  return {Code::corruption,
          fmt::format(
              "the log is lost: its checkpoint says that it had objects up to {}, and there is none; restore "
              "them, or delete the checkpoint to begin anew",
              checkpoint.anchor)};
}

namespace {

class Recovery {
 public:
  explicit Recovery(const NearEnd& near) : near_(near) {}
  Result<RecoveredEnd> run();

 private:
  bool sort_out();
  [[nodiscard]] bool is_garbage(Seq seq, const Header& header) const;
  [[nodiscard]] bool begins_a_stretch(Seq seq, const Header& header) const;
  void begin_stretch(Seq seq, const Header& header);
  void walk();
  void take(const Header& header, const Position& next);
  [[nodiscard]] std::optional<Error> why_unknown() const;

  const NearEnd& near_;
  std::map<Seq, Header> sound_;  // of this log, in their places
  std::vector<Seq> epochs_;      // that DATA names: regular seals, ascending
  Seq anchor_ = 0;
  Seq begin_ = 0;
  std::optional<Position> at_;
  RecoveredEnd found_;
};

/// Most objects say which log this is.
std::optional<format::Id> log_of(const NearEnd& near) {
  std::vector<std::pair<format::Id, std::size_t>> votes;
  for (const auto& [seq, header] : near.headers) {
    if (!header) continue;
    const auto known = std::ranges::find(votes, header->log_id, &std::pair<format::Id, std::size_t>::first);
    if (known == votes.end()) {
      votes.emplace_back(header->log_id, 1);
    } else {
      ++known->second;
    }
  }
  const auto most = std::ranges::max_element(votes, {}, &std::pair<format::Id, std::size_t>::second);
  return most == votes.end() ? std::nullopt : std::optional(most->first);
}

bool Recovery::sort_out() {
  const std::optional<format::Id> log = log_of(near_);
  Seq lowest_live = 0;
  for (const auto& [seq, header] : near_.headers) {
    if (!header || header->seq != seq || header->log_id != *log || header->window != near_.window) continue;
    sound_.emplace(seq, *header);
    if (seq >= say_begins(near_)) lowest_live = std::max(lowest_live, header->lowest_live);
    if (header->kind == Kind::data && (epochs_.empty() || header->epoch > epochs_.back())) {
      epochs_.push_back(header->epoch);
    }
  }
  anchor_ = highest_anchor(near_);
  // Below it late objects may lie in places that were trimmed. (What a mirror's copies say is of the source.)
  begin_ = mirrored_epoch(near_.checkpoint) ? near_.checkpoint->anchor : lowest_live;
  if (const auto claim = furthest_claim(near_, 0)) found_.stored_below = claim->stored_below;
  return !sound_.empty();
}

// In the void of a seal that may itself be lost: later objects name it as their epoch.
bool Recovery::is_garbage(Seq seq, const Header& header) const {
  if (mutated(Mutant::lost_void_believed)) return false;
  const auto after = std::ranges::upper_bound(epochs_, seq);
  if (after == epochs_.begin()) return false;
  const Seq seal = *(after - 1);
  return seq != seal && seq - seal < header.window;
}

// What is known to have been stored, and where it stands. (Behind all claims it may itself be unfinished.)
bool Recovery::begins_a_stretch(Seq seq, const Header& header) const {
  return !(header.kind == Kind::seal && header.has(flag::ahead)) && !is_garbage(seq, header);
}

void Recovery::begin_stretch(Seq seq, const Header& header) {
  if (at_) {
    found_.lost.push_back({at_->seq, seq, {at_->offset, std::max(at_->offset, header.first_offset)}});
    if (header.kind == Kind::data && header.epoch > at_->epoch) {
      found_.seals.push_back({header.epoch, header.first_offset, 0});
    }
  } else {
    found_.first = header;
  }
  found_.walk_from = seq;
  at_ = position_of(header);
}

void Recovery::take(const Header& header, const Position& next) {
  if (header.kind == Kind::seal && header.seq != found_.first.seq) {
    found_.seals.push_back({header.seq, at_->offset, header.flags});
  }
  found_.newest = header;
  if (header.kind != Kind::seal || !header.has(flag::ahead)) found_.newest_owned = header;
  at_ = next;
}

// From stretch to stretch, until one reaches beyond all that is known to have been stored. An object that
// does not continue what is before it counts as damaged.
void Recovery::walk() {
  for (auto one = sound_.lower_bound(begin_); one != sound_.end(); ++one) {
    const auto& [seq, header] = *one;
    if (at_ && seq < at_->seq) {
      found_.garbage.push_back({seq, header.object_bytes});
      continue;
    }
    if (!at_ || seq > at_->seq) {
      if (seq > found_.stored_below || (at_ && at_->seq >= found_.stored_below)) return;
      if (!begins_a_stretch(seq, header)) continue;
      begin_stretch(seq, header);
    }
    if (const Result<Position> next = step(*at_, header)) take(header, *next);
  }
}

// A seal goes to the tail and voids what lies a window behind it: that must be an unfinished tail for sure.
std::optional<Error> Recovery::why_unknown() const {
  const auto lost_for_good = [](std::string why) {
    return Error(Code::corruption, std::move(why) + "; restore the missing objects from a copy");
  };
  if (at_->seq < found_.stored_below) {
    return lost_for_good(fmt::format(
        "all below object {} was acknowledged, and the last of it is lost: no object behind tells how "
        "many records there were",
        found_.stored_below));
  }
  for (auto behind = near_.headers.lower_bound(at_->seq); behind != near_.headers.end(); ++behind) {
    const auto& [seq, header] = *behind;
    if (sound_.contains(seq) && seq != at_->seq) continue;
    return lost_for_good(
        fmt::format("object {}, at the end, is damaged, so it is not known what was acknowledged: {}", seq,
                    header ? "it does not belong there" : header.error().message()));
  }
  return std::nullopt;
}

Result<RecoveredEnd> Recovery::run() {
  if (near_.headers.empty() || !sort_out()) {
    return Error(Code::corruption, "none of the newest objects is sound; restore them from a copy");
  }
  walk();
  if (!at_) {
    return Error(Code::corruption,
                 "no sound object near the end is known to be on the chain; restore the damaged "
                 "ones from a copy");
  }
  found_.tail = *at_;
  found_.end_unknown = why_unknown();
  std::erase_if(found_.lost, [&](const LostObjects& lost) { return lost.next <= anchor_; });
  return std::move(found_);
}

}  // namespace

Result<RecoveredEnd> recover_end(const NearEnd& near) { return Recovery(near).run(); }

}  // namespace varve::protocol
