#include "maintain/repair/tail_loss.h"

#include <fmt/format.h>

#include <algorithm>

namespace varve::maintain {

using format::Header;
using format::Kind;
using protocol::Position;

namespace {

class Search {
 public:
  explicit Search(const NearEnd& end) : end_(end) {}

  Result<std::optional<TailLoss>> run();

 private:
  std::optional<Error> sort_out();
  void find_claims();
  std::optional<Error> walk();
  std::optional<Error> look_behind() const;

  const NearEnd& end_;
  std::map<Seq, Header> sound_;  // of this log
  std::uint32_t window_ = 0;
  Seq anchor_ = 0;        // where an opener begins to walk
  Seq stored_below_ = 0;  // the highest place of which somebody knows that all below was stored

  std::optional<Position> at_;
  TailLoss loss_;
};

Error lost_for_good(std::string why) {
  return {Code::corruption, std::move(why) + "; restore the missing objects from a copy"};
}

// The newest sound object says which log this is.
std::optional<Error> Search::sort_out() {
  for (const auto& [seq, header] : end_.headers) {
    if (header && header->seq == seq) sound_.emplace(seq, *header);
  }
  if (sound_.empty()) return lost_for_good("none of the newest objects is sound");
  const Header newest = sound_.rbegin()->second;
  window_ = newest.window;
  for (const auto& [seq, header] : sound_) {
    if (header.log_id == newest.log_id) continue;
    return Error(Code::foreign,
                 fmt::format("objects {} and {} belong to different logs; move the foreign one "
                             "away",
                             seq, newest.seq));
  }
  return std::nullopt;
}

// As a survey judges it (chain/survey): every header knows what was stored when it was made.
void Search::find_claims() {
  const Seq last = end_.headers.rbegin()->first;
  const Seq near_end = last - std::min<Seq>(last, 2 * Seq{window_});
  for (auto at = sound_.lower_bound(near_end); at != sound_.end(); ++at) {
    anchor_ = std::max(anchor_, at->second.anchor);
    stored_below_ = std::max(stored_below_, at->second.durable_seq);
  }
  const auto& hint = end_.checkpoint;
  if (hint && hint->log_id == sound_.rbegin()->second.log_id && sound_.contains(hint->anchor)) {
    stored_below_ = std::max(stored_below_, hint->anchor + 1);
  }
}

// From stretch to stretch, until one reaches beyond all that is known to have been stored.
std::optional<Error> Search::walk() {
  for (const auto& [seq, header] : sound_) {
    if (at_ && seq < at_->seq) continue;  // in a void
    if (at_ && seq > at_->seq && at_->seq >= stored_below_) break;
    if (!at_ || seq > at_->seq) {
      if (seq > stored_below_) break;  // it may itself be unfinished
      if (header.kind == Kind::seal && header.has(format::flag::ahead)) continue;
      if (at_)
        loss_.lost.push_back({at_->seq, seq, {at_->offset, std::max(at_->offset, header.first_offset)}});
      loss_.walk_from = seq;
      at_ = protocol::position_of(header);
    }
    const Result<Position> next = step(*at_, header);
    if (!next) return next.error();
    at_ = *next;
  }
  if (at_ && at_->seq >= stored_below_) return std::nullopt;
  return lost_for_good(fmt::format(
      "all below object {} was acknowledged, and the last of it is lost: no object behind tells how "
      "many records there were",
      stored_below_));
}

// A seal goes to the tail and voids what lies a window behind it: that must be an unfinished tail for sure.
std::optional<Error> Search::look_behind() const {
  for (auto behind = end_.headers.upper_bound(at_->seq); behind != end_.headers.end(); ++behind) {
    if (!behind->second) {
      return lost_for_good(
          fmt::format("object {}, at the end, is damaged, so it is not known what was acknowledged: {}",
                      behind->first, behind->second.error().message()));
    }
    const bool seal = behind->second->kind == Kind::seal;
    if (!seal && behind->first >= at_->seq + window_) {
      return lost_for_good(
          fmt::format("object {} lies further behind the end than an unfinished tail can", behind->first));
    }
  }
  return std::nullopt;
}

Result<std::optional<TailLoss>> Search::run() {
  if (end_.headers.empty()) return std::optional<TailLoss>();
  if (auto error = sort_out()) return *error;
  find_claims();
  if (auto error = walk()) return *error;
  if (const auto there = end_.headers.find(at_->seq); there != end_.headers.end()) {
    return lost_for_good(
        fmt::format("object {}, at the end, is damaged: {}", at_->seq,
                    there->second ? "it calls itself another" : there->second.error().message()));
  }
  if (auto error = look_behind()) return *error;
  std::erase_if(loss_.lost, [&](const LostRecords& lost) { return lost.next_object <= anchor_; });
  if (loss_.lost.empty()) return std::optional<TailLoss>();
  loss_.tail = *at_;
  return std::optional(std::move(loss_));
}

}  // namespace

Result<std::optional<TailLoss>> find_tail_loss(const NearEnd& end) { return Search(end).run(); }

}  // namespace varve::maintain
