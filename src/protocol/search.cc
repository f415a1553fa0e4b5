#include "protocol/search.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutant.h"
#include "protocol/older_epochs.h"

namespace varve::protocol {

using format::EpochEntry;
using format::Header;

namespace {

// Round trips are dear and GETs cheap: a nine-way search takes a third of the trips of halving.
constexpr std::uint64_t probes_at_once = 8;

// So many objects that are lost are looked for around the target before a search ends there.
constexpr std::size_t holes_max = 256;

// The header of the DATA object that `reply` should have.
Result<Header> probed_header(const Reply& reply, const format::Id& log_id) {
  Result<Header> header = header_in(reply);
  if (!header) return header;
  if (header->seq != reply.seq || header->log_id != log_id) {
    return Error(Code::corruption,
                 fmt::format("object {} is not the record object that belongs there", reply.seq));
  }
  if (header->kind != format::Kind::data) {
    // A claimant that slept has put its seal where the log was trimmed away since the scan. (Whoever walks
    // there, and was not trimmed away, learns from `step` that it does not belong there.)
    return Error(Code::not_found, fmt::format("object {} went away: a seal is in its place", reply.seq));
  }
  return header;
}

}  // namespace

bool is_lost(const Error& error) {
  const Code code = error.code();
  return code == Code::not_found || code == Code::corruption || code == Code::foreign;
}

Search::Search(const LogState& state, const SeekTarget& target)
    : target_(target),
      valid_{state.start_offset(), state.tail.offset},
      offset_(target.offset.value_or(valid_.begin)),
      tail_(state.tail),
      lowest_live_(state.lowest_live()),
      newest_(state.newest.seq),
      history_(state.history) {
  if (target_.last) offset_ = valid_.end - std::min(*target_.last, valid_.end - valid_.begin);
}

Requests Search::start() {
  if (target_.since_unix_ms) return lay_out();
  if (offset_ < valid_.begin || offset_ > valid_.end) {
    return fail(
        Error(Code::out_of_range, fmt::format("offset {} is not in the log: it holds {} up to, but not "
                                              "including, {}",
                                              offset_, valid_.begin, valid_.end))
            .with_valid_range(valid_));
  }
  if (offset_ == valid_.end) {
    result_ = SearchResult{tail_, offset_, std::nullopt};
    return {};
  }
  if (offset_ > valid_.begin || target_.exact) return lay_out();
  // The start is nearly always in the lowest live object: one GET instead of a search, and one that damage
  // further on does not disturb.
  ++outstanding_;
  return {Request::make(Request::Kind::get_header, lowest_live_)};
}

Requests Search::on(const Reply& reply) {
  if (done()) return {};
  --outstanding_;
  if (reply.kind == Request::Kind::get_object) return on_older_seals(reply);
  return row_.empty() ? on_first_object(reply) : on_probe(reply);
}

Requests Search::on_first_object(const Reply& reply) {
  const Result<Header> header = header_in(reply);
  if (header && header->seq == reply.seq && header->log_id == tail_.log_id &&
      !header->has(format::flag::ahead) && header->first_offset <= offset_) {
    return found(*header);
  }
  return lay_out();
}

Requests Search::lay_out() {
  if (history_.empty()) return fail({Code::corruption, "the log's newest seal names no epochs"});
  if (!history_reaches_target()) {
    ++outstanding_;
    return {Request::make(Request::Kind::get_object, oldest_that_knows(history_))};
  }
  return target_.since_unix_ms ? lay_out_all() : lay_out_epoch();
}

bool Search::history_reaches_target() const {
  const EpochEntry& oldest = history_.front();
  return target_.since_unix_ms ? oldest.seal <= lowest_live_ : oldest.first_offset <= offset_;
}

Requests Search::on_older_seals(const Reply& reply) {
  if (auto error = prepend_older_epochs(history_, reply)) return fail(*std::move(error), reply.seq);
  return lay_out();
}

void Search::add_run(Seq first, Seq end) {
  if (first < end) row_.push_back({places(), first, end - first});
}

Requests Search::lay_out_epoch() {
  const auto after = std::ranges::upper_bound(history_, offset_, {}, &EpochEntry::first_offset);
  const auto first_alike =
      std::ranges::lower_bound(history_, (after - 1)->first_offset, {}, &EpochEntry::first_offset);
  const EpochEntry& epoch = mutated(Mutant::empty_epoch_found) ? *first_alike : *(after - 1);
  add_run(std::max(epoch.seal + tail_.window, lowest_live_),
          after == history_.end() ? newest_ + 1 : after->seal);
  if (row_.empty()) {
    return fail({Code::corruption,
                 fmt::format("epoch {} should hold offset {} and has no objects", epoch.seal, offset_)});
  }
  high_ = places();
  narrow();
  return probe();
}

Requests Search::lay_out_all() {
  for (std::size_t i = 0; i < history_.size(); ++i) {
    add_run(std::max(history_[i].seal + tail_.window, lowest_live_),
            i + 1 < history_.size() ? history_[i + 1].seal : newest_ + 1);
  }
  high_ = places();
  narrow();
  return probe();
}

std::uint64_t Search::places() const { return row_.empty() ? 0 : row_.back().place + row_.back().objects; }

Seq Search::seq_at(std::uint64_t place) const {
  const Run& run = *(std::ranges::upper_bound(row_, place, {}, &Run::place) - 1);
  return run.first + (place - run.place);
}

std::optional<std::uint64_t> Search::place_of(Seq seq) const {
  const auto after = std::ranges::upper_bound(row_, seq, {}, &Run::first);
  if (after == row_.begin()) return std::nullopt;
  const Run& run = *(after - 1);
  return seq - run.first < run.objects ? std::optional(run.place + (seq - run.first)) : std::nullopt;
}

// Places are asked for that cut what is unknown into nine parts.
Requests Search::probe() {
  Requests requests;
  const std::uint64_t unknown = high_ - low_;
  std::uint64_t next = low_;
  for (std::uint64_t i = 1; i <= probes_at_once; ++i) {
    constexpr std::uint64_t parts = probes_at_once + 1;
    std::uint64_t place = std::max(next, low_ + ((unknown + 1) * i + parts - 1) / parts - 1);
    while (place < high_ && holes_.contains(place)) ++place;
    if (place >= high_) break;
    requests.push_back(Request::make(Request::Kind::get_header, seq_at(place)));
    next = place + 1;
  }
  // Where all of these are lost, what lies before them may be there.
  for (std::uint64_t place = low_; requests.empty() && place < high_; ++place) {
    if (!holes_.contains(place)) requests.push_back(Request::make(Request::Kind::get_header, seq_at(place)));
  }
  outstanding_ += requests.size();
  return requests.empty() ? finish() : requests;
}

Requests Search::on_probe(const Reply& reply) {
  const Result<Header> header = probed_header(reply, tail_.log_id);
  if (header) {
    seen_.insert_or_assign(reply.seq, *header);
  } else {
    if (!is_lost(header.error()) || holes_.size() == holes_max) return fail(header.error(), reply.seq);
    holes_.emplace(*place_of(reply.seq), header.error());
  }
  if (outstanding_ > 0) return {};
  narrow();
  return probe();
}

bool Search::is_before(const Header& object) const {
  if (target_.since_unix_ms) return object.created_unix_ms < *target_.since_unix_ms;
  return mutated(Mutant::search_off_by_one) ? object.end_offset() < offset_ : object.end_offset() <= offset_;
}

bool Search::holds(const Header& object) const {
  return !target_.since_unix_ms && object.first_offset <= offset_ && !is_before(object);
}

void Search::narrow() {
  for (const auto& [seq, object] : seen_) {
    const std::optional<std::uint64_t> place = place_of(seq);
    if (!place || *place < low_ || *place >= high_) continue;
    if (is_before(object)) {
      low_ = *place + 1;
      continue;
    }
    high_ = *place;
    if (holds(object)) low_ = high_;
    return;
  }
}

// Nothing between the bounds is unknown any more.
Requests Search::finish() {
  if (low_ < high_) {
    const Error& hole = holes_.at(low_);
    const Seq seq = seq_at(low_);
    if (!target_.since_unix_ms) return fail(hole, seq);
    // What is lost there may have been made so late, and is not to be passed over in silence.
    const auto after = high_ < places() ? seen_.find(seq_at(high_)) : seen_.end();
    const Offset goes_on = after == seen_.end() ? tail_.offset : after->second.first_offset;
    return fail(hole.with_context(fmt::format("the first object made so late may be lost (what is there goes "
                                              "on at offset {}): object {}",
                                              goes_on, seq)),
                seq);
  }
  return high_ == places() ? finish_at_end() : found(seen_.at(seq_at(high_)));
}

Requests Search::finish_at_end() {
  if (target_.since_unix_ms) {
    result_ = SearchResult{tail_, tail_.offset, std::nullopt};
    return {};
  }
  return fail({Code::corruption, fmt::format("offset {} should be in the epoch whose last object is {}, and "
                                             "is not",
                                             offset_, seq_at(high_ - 1))},
              seq_at(high_ - 1));
}

Requests Search::found(const Header& object) {
  if (!target_.since_unix_ms && !row_.empty() && object.first_offset > offset_) {
    return fail({Code::corruption, fmt::format("offset {} should be before object {}, which begins at {}",
                                               offset_, object.seq, object.first_offset)},
                object.seq);
  }
  const Offset first = target_.since_unix_ms ? std::max(object.first_offset, valid_.begin) : offset_;
  result_ = SearchResult{position_of(object), first, object};
  return {};
}

Requests Search::fail(Error error, std::optional<Seq> missing) {
  missing_ = missing;
  result_ = Result<SearchResult>(std::move(error));
  return {};
}

}  // namespace varve::protocol
