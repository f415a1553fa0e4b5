#include "protocol/chain_mark.h"

#include <algorithm>
#include <utility>

#include "base/mutant.h"
#include "protocol/older_epochs.h"

namespace varve::protocol {

using format::EpochEntry;
using format::Header;
using format::Kind;

ChainMark mark_of(const Header& object) {
  return {.log_id = object.log_id,
          .writer_id = object.writer_id,
          .epoch = object.epoch,
          .seq = object.seq,
          .hash = hash_of(object)};
}

ChainCheck::ChainCheck(const LogState& state, format::EpochHistory history, const ChainMark& mark,
                       const std::optional<Header>& found)
    : history_(std::move(history)),
      mark_(mark),
      found_(found),
      newest_(state.newest),
      newest_owned_(state.newest_owned),
      lowest_live_(state.lowest_live()) {}

Requests ChainCheck::start() {
  if (mutated(Mutant::other_log_followed)) return conclude(ChainMatch::same);
  if (newest_.log_id != mark_.log_id) return conclude(ChainMatch::other_log);
  if (mutated(Mutant::other_history_followed)) return conclude(ChainMatch::same);
  if (mark_.seq > newest_.seq) return conclude(ChainMatch::ends_before);
  if (found_ && found_->previous_hash == mark_.hash)
    return conclude(ChainMatch::same);  // it comes right behind
  if (mark_.seq == newest_owned_.seq) return conclude_if(hash_of(newest_owned_) == mark_.hash);
  return look_at_epoch();
}

// The marked object's epoch must be one of this chain, and reach as far as that object.
Requests ChainCheck::look_at_epoch() {
  if (history_.empty()) return look_at_objects();
  if (history_.front().seal > mark_.epoch) {
    return {Request::make(Request::Kind::get_object, oldest_that_knows(history_))};
  }
  const auto after = std::ranges::upper_bound(history_, mark_.epoch, {}, &EpochEntry::seal);
  const bool has_epoch = (after - 1)->seal == mark_.epoch;
  const bool reaches = after == history_.end() || after->seal > mark_.seq;
  if (has_epoch && reaches) return look_at_objects();
  return conclude(ChainMatch::other_history);
}

// One epoch has one writer, who makes one object for each place: where the writer is the same, so are all
// its objects.
Requests ChainCheck::look_at_objects() {
  if (found_ && found_->kind == Kind::data && found_->epoch == mark_.epoch) {
    return conclude_if(found_->writer_id == mark_.writer_id);
  }
  if (mark_.seq < lowest_live_) return ask_for_seal();
  return {Request::make(Request::Kind::get_header, mark_.seq)};
}

// Seals stay when an epoch is trimmed away, but for those that fence nobody.
Requests ChainCheck::ask_for_seal() {
  lowest_live_ = UINT64_MAX;  // the marked object itself has been asked for, or is gone
  return {Request::make(Request::Kind::get_header, mark_.epoch)};
}

Requests ChainCheck::on(const Reply& reply) {
  if (done()) return {};
  if (reply.kind == Request::Kind::get_object) {
    // A seal that cannot be read tells of no epochs, so nothing ties the mark to this chain.
    if (prepend_older_epochs(history_, reply)) return conclude(ChainMatch::untied);
    return look_at_epoch();
  }
  return lowest_live_ == UINT64_MAX ? on_seal(reply) : on_object(reply);
}

Requests ChainCheck::on_object(const Reply& reply) {
  const Result<Header> header = header_in(reply);
  const bool is_there = header && header->seq == reply.seq;
  // A seal in the place of DATA was put by a claimant that slept, after the log was trimmed past it.
  if (!is_there || (header->kind == Kind::seal && mark_.seq != mark_.epoch)) return ask_for_seal();
  if (header->kind == Kind::seal) return on_seal(reply);
  return conclude_if(hash_of(*header) == mark_.hash);
}

Requests ChainCheck::on_seal(const Reply& reply) {
  const Result<Header> header = header_in(reply);
  const bool is_there = header && header->seq == reply.seq && header->kind == Kind::seal;
  if (is_there && header->log_id == mark_.log_id && header->writer_id == mark_.writer_id) {
    return conclude(ChainMatch::same);
  }
  // Where a seal may be deleted, another may have been put late, by a claimant that slept.
  const auto epoch = std::ranges::find(history_, mark_.epoch, &EpochEntry::seal);
  const bool stays = epoch != history_.end() && (epoch->flags & format::flag::fences_nobody) == 0;
  return conclude(is_there && stays ? ChainMatch::other_history : ChainMatch::untied);
}

Requests ChainCheck::conclude_if(bool same) {
  return conclude(same ? ChainMatch::same : ChainMatch::other_history);
}

Requests ChainCheck::conclude(ChainMatch match) {
  match_ = mutated(Mutant::untied_followed) && match == ChainMatch::untied ? ChainMatch::same : match;
  return {};
}

}  // namespace varve::protocol
