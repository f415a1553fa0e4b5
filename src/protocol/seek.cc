#include "protocol/seek.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/mutant.h"
#include "protocol/reader_status.h"

namespace varve::protocol {

Seek::Seek(const SeekTarget& target, const std::optional<ChainMark>& mark) : target_(target), mark_(mark) {}

Requests Seek::start() { return state_ ? search() : look(); }

Requests Seek::look() {
  ++looks_;
  outdated_ = false;
  return stage_.emplace<Scan>(RecoveryScan({.want_history = true, .tell_damage = true})).start();
}

Requests Seek::on(const Reply& reply) {
  if (done()) return {};
  if (auto* scan = std::get_if<Scan>(&stage_)) {
    Requests more = scan->on(reply);
    return scan->over() ? on_state() : more;
  }
  if (auto* searching = std::get_if<Searching>(&stage_)) {
    Requests more = searching->on(reply);
    return searching->over() ? on_searched() : more;
  }
  auto& checking = std::get<Checking>(stage_);
  Requests more = checking.on(reply);
  return checking.over() ? on_checked(checking->match()) : more;
}

Requests Seek::on_state() {
  const Result<LogState> state = std::get<Scan>(stage_)->result();
  if (!state) {
    // The log changes faster than it can be looked at: how long to go on is for whoever waits.
    return state.error().code() == Code::unavailable ? look() : fail(state.error());
  }
  if (!state->exists) return fail(nothing_there(*state));
  state_ = *state;
  return missed_ && is_lost() ? fail(loss()) : search();
}

Requests Seek::search() {
  Search machine(*state_, target_);
  for (const format::Header& header : known_) machine.know(header);
  auto& searching = stage_.emplace<Searching>(std::move(machine));
  Requests first = searching.start();
  return searching.over() ? on_searched() : first;
}

Requests Seek::on_searched() {
  const Search& machine = *std::get<Searching>(stage_);
  const Result<SearchResult> found = machine.result();
  known_.clear();
  for (const auto& [seq, header] : machine.seen()) known_.push_back(header);
  if (found) {
    history_ = machine.history();
    found_ = {.state = {}, .at = found->at, .offset = found->offset, .object = found->object};
    return check();
  }
  const Code code = found.error().code();
  const bool damage = code == Code::not_found || code == Code::corruption || code == Code::foreign;
  if (!damage && !(outdated_ && code == Code::out_of_range)) return fail(beyond_tail(found.error()));
  known_.clear();
  if (damage) {
    missed_ = found.error();
    missing_ = machine.missing();
    if (mutated(Mutant::trim_seems_damage)) return fail(loss());
  }
  return look();
}

// Where nobody knows what is lost at the end, nobody knows that there is no such record.
Error Seek::beyond_tail(const Error& error) const {
  const bool beyond = error.code() == Code::out_of_range && target_.offset.value_or(0) >= state_->tail.offset;
  const bool unknown =
      state_->damage && state_->damage->end_unknown && !mutated(Mutant::unknown_end_believed);
  return beyond && unknown ? state_->damage->why : error;
}

// Judges the object that the search before this look missed. What went before a look began is known to it, if
// it went by a trim: then it was no loss. Otherwise so many looks in a row must find something missing.
bool Seek::is_lost() {
  const bool trimmed = missing_ && *missing_ < state_->lowest_live();
  misses_ = trimmed ? 0 : misses_ + 1;
  return misses_ + 1 >= looks_before_damage;
}

Error Seek::loss() const {
  if (missed_->code() != Code::not_found) return *missed_;
  return {Code::corruption,
          fmt::format("an object of the log is missing: {}; run `varve verify` to see the extent",
                      missed_->message())};
}

Requests Seek::check() {
  if (!mark_ || outdated_) return on_checked(ChainMatch::same);
  auto& checking = stage_.emplace<Checking>(ChainCheck(*state_, history_, *mark_, found_.object));
  Requests first = checking.start();
  return checking.over() ? on_checked(checking->match()) : first;
}

Requests Seek::on_checked(ChainMatch match) {
  if (match != ChainMatch::same && match != ChainMatch::untied) {
    parted_ = match;
    return fail(parted_error(match, found_.offset, *state_));
  }
  found_.match = match;
  found_.state = *std::move(state_);
  result_ = std::move(found_);
  return {};
}

Requests Seek::fail(Error error) {
  result_ = Result<SeekResult>(std::move(error));
  return {};
}

Error parted_error(ChainMatch match, Offset offset, const LogState& state) {
  const OffsetRange valid{std::max(offset, state.start_offset()), state.tail.offset};
  switch (match) {
    case ChainMatch::other_log:
      return {Code::foreign,
              fmt::format("another log stands here now ({}): the one that was read up to offset {} "
                          "was deleted; open it anew",
                          to_hex(state.tail.log_id), offset)};
    case ChainMatch::other_history:
      return {Code::foreign,
              fmt::format("what was read up to offset {} is not in this log any more: it was put back "
                          "to an older state and written on; open it anew",
                          offset)};
    case ChainMatch::ends_before:
      return {Code::corruption,
              fmt::format("the log ends at offset {}, but what comes before offset {} has been read from it: "
                          "its end is lost, or it was put back to an older state; restore it from a copy",
                          state.tail.offset, offset)};
    case ChainMatch::untied:
    case ChainMatch::same:
      break;
  }
  return Error(
             Code::out_of_range,
             fmt::format("offset {} is there, but what comes between it and what was read before was trimmed "
                         "away, and nothing left tells whether they belong together: open a reader there to "
                         "go on",
                         offset))
      .with_valid_range(valid);
}

}  // namespace varve::protocol
