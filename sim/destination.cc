#include "sim/destination.h"

#include <fmt/format.h>

#include <algorithm>

#include "format/checkpoint.h"

namespace varve::sim {

using format::Header;
using format::Kind;
namespace flag = format::flag;

void Destination::stored(Seq seq, const std::vector<std::byte>& object) {
  if (promoted()) {
    const auto copy = originals_.find(seq);
    if (about_to_begin_.contains(seq) && copy != originals_.end() && copy->second == object) {
      begun_late_ = true;
      return;
    }
    ever_.insert(seq);
    return oracle_->stored(seq, object);
  }
  const Result<Header> header = format::decode_header(object);
  if (!header || header->seq != seq) return violated(fmt::format("object {} is stored unreadable", seq));
  if (header->has(flag::promoted)) return promote(*header, object);
  const auto original = originals_.find(seq);
  if (original == originals_.end() || original->second != object)
    return violated(fmt::format("object {} is not what the source stored", seq));
  if (!source_.on_chain(seq)) return violated(fmt::format("object {} is not on the source's chain", seq));
  if (about_to_begin_.contains(seq)) {
    begins_ = std::max(begins_, seq);
    trimmed_below_ = std::max(trimmed_below_, begins_);
    said_ = std::max(said_, seq);
  }
  check_leaves_enough(*header);
  ever_.insert(seq);
  trimmed_below_ = std::max(trimmed_below_, header->lowest_live);
}

void Destination::checkpointed(const std::vector<std::byte>& bytes) {
  if (promoted()) return;
  const auto checkpoint = format::decode_checkpoint(bytes);
  if (promoted_below_beginning_ && checkpoint && !checkpoint->mirror) {
    begun_late_ = true;
    return;
  }
  if (!checkpoint || !checkpoint->mirror) return violated("a checkpoint does not say that it is a mirror");
  if (checkpoint->mirror->begins_seq > source_.lowest_live())
    return violated("a checkpoint says that it begins behind where the source does");
  if (checkpoint->nothing_copied() && !ever_.contains(checkpoint->anchor)) {
    about_to_begin_.insert(checkpoint->anchor);
    return;
  }
  begins_ = std::max(begins_, checkpoint->mirror->begins_seq);
  trimmed_below_ = std::max(trimmed_below_, begins_);
  said_ = std::max(said_, checkpoint->anchor);
}

// What an object says is trimmed must have been stored here. (One that begins anew, with no checkpoint, may
// skip some.)
void Destination::check_leaves_enough(const Header& header) {
  const Seq hole = hole_from(begins_);
  if (header.lowest_live <= hole || header.seq >= hole + header.window || vague()) return;
  violated(fmt::format("object {} tells of a trim below {}, and {} is not copied", header.seq,
                       header.lowest_live, hole));
}

// A claimant that slept may put its seal where the log was trimmed away meanwhile: that is none.
void Destination::promote(const Header& seal, const std::vector<std::byte>& object) {
  if (seal.seq < trimmed_below_) {
    promoted_below_beginning_ = about_to_begin_.upper_bound(seal.seq) != about_to_begin_.end();
    return;
  }
  const Seq hole = hole_from(seal.lowest_live);
  if (seal.seq != hole) {
    return violated(fmt::format("it is promoted at {}, and what is copied ends at {}", seal.seq, hole));
  }
  oracle_ = source_.parting_at(seal, keeps_);
  ever_.insert(seal.seq);
  oracle_->stored(seal.seq, object);
}

void Destination::removing(Seq seq, const std::vector<std::byte>& object) {
  if (promoted()) return oracle_->removing(seq, object);
  if (keeps_) return violated(fmt::format("object {} is deleted, and all should be kept", seq));
  if (seq >= trimmed_below_)
    return violated(
        fmt::format("object {} is deleted, and copies tell of a trim below {} only", seq, trimmed_below_));
  const Result<Header> header = format::decode_header(object);
  if (seq >= said_) return violated(fmt::format("object {} is deleted, and the checkpoint names it", seq));
  const bool seal = header && header->kind == Kind::seal && source_.on_chain(seq);
  if (seal && !source_.seal_may_go(seq)) violated(fmt::format("the seal {} is deleted", seq));
}

Seq Destination::hole_from(Seq from) const {
  for (auto at = source_.chain().lower_bound(from); at != source_.chain().end(); ++at) {
    if (!ever_.contains(at->first)) return at->first;
  }
  return source_.tail();
}

bool Destination::vague() const {
  if (!log.checkpoint) return true;
  const auto checkpoint = format::decode_checkpoint(*log.checkpoint);
  if (!checkpoint || !checkpoint->mirror) return true;
  const Seq epoch = checkpoint->history.back().seal;
  // One that begins anew, where nothing but seals was copied, puts another seal behind a gap.
  const auto is_data = [&](Seq seq) { return source_.chain().at(seq).kind == Kind::data; };
  if (std::ranges::none_of(ever_, is_data)) return true;
  return std::ranges::any_of(ever_, [&](Seq seq) {
    const Header& header = source_.chain().at(seq);
    return header.kind == Kind::data && header.epoch > epoch;
  });
}

void Destination::check_copied(Seq begins, Seq anchor) {
  if (promoted() || hole_from(begins) > anchor) return;
  violated(fmt::format("it says that all up to {} is copied, and {} is not", anchor, hole_from(begins)));
}

// Its checkpoint may be a late one: what a survey finds may be wrong then, but nobody takes it for a log of
// its own.
void Destination::check_says_mirror() {
  const auto checkpoint =
      log.checkpoint ? std::optional(format::decode_checkpoint(*log.checkpoint)) : std::nullopt;
  if (!checkpoint || !*checkpoint || !(*checkpoint)->mirror) return;
  log.page = protocol::page_limit;
  const Result<protocol::LogState> view = protocol::run(log, protocol::RecoveryScan({.want_history = true}));
  if (view && view->exists && !view->mirror) violated("a late checkpoint hides that it is a mirror");
}

void Destination::check() {
  const bool known = promoted() || !vague();
  if (!known) return check_says_mirror();
  log.page = protocol::page_limit;
  const Result<protocol::LogState> view = protocol::run(log, protocol::RecoveryScan({.want_history = true}));
  if (!view) return violated("a survey of it, at rest, says: " + view.error().message());
  if (promoted()) {
    if (view->mirror) return violated("it is a mirror again after its promotion");
    return oracle_->surveyed(oracle_->now(), *view);
  }
  if (!view->mirror) return violated("it does not say that it is a mirror");
  const Seq hole = hole_from(view->lowest_live());
  if (view->tail.seq != hole)
    return violated(fmt::format("a survey takes {} for its end, not {}", view->tail.seq, hole));
  if (view->lowest_live() > view->newest_owned.seq || !log.objects.contains(view->lowest_live()))
    return violated(fmt::format("its first object, {}, is not there", view->lowest_live()));
}

}  // namespace varve::sim
