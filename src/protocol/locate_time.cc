#include "protocol/locate_time.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/older_epochs.h"
#include "protocol/probe.h"

namespace varve::protocol {

using format::Header;

LocateTime::LocateTime(const LogState& view, std::int64_t since_unix_ms)
    : tail_(view.tail),
      lowest_live_(view.lowest_live()),
      newest_(view.newest.seq),
      since_unix_ms_(since_unix_ms),
      history_(view.history) {}

Requests LocateTime::start() { return lay_out(); }

Requests LocateTime::lay_out() {
  if (history_.empty()) return fail({Code::corruption, "the log's newest seal names no epochs"});
  if (history_.front().seal > lowest_live_) {
    return {Request::make(Request::Kind::get_object, history_.front().seal)};
  }
  for (std::size_t i = 0; i < history_.size(); ++i) {
    const Seq first = std::max(history_[i].seal + tail_.window, lowest_live_);
    const Seq end = i + 1 < history_.size() ? history_[i + 1].seal : newest_ + 1;
    if (first < end) runs_.push_back({first, end - first});
  }
  for (const Run& run : runs_) high_ += run.objects;
  return probe();
}

Requests LocateTime::on(const Reply& reply) {
  if (done()) return {};
  return reply.kind == Request::Kind::get_object ? on_older_seals(reply) : on_probe(reply);
}

Requests LocateTime::on_older_seals(const Reply& reply) {
  if (auto error = prepend_older_epochs(history_, reply)) return fail(*std::move(error));
  return lay_out();
}

Seq LocateTime::seq_at(std::uint64_t place) const {
  for (const Run& run : runs_) {
    if (place < run.objects) return run.first + place;
    place -= run.objects;
  }
  return newest_;
}

Requests LocateTime::probe() {
  asked_.clear();
  Requests requests;
  const auto ask = [&](std::uint64_t place) {
    const Seq seq = seq_at(place);
    asked_.emplace(seq, place);
    requests.push_back(Request::make(Request::Kind::get_header, seq));
  };
  const std::uint64_t span = high_ - low_;
  std::uint64_t next = low_;
  for (std::uint64_t i = 0; i < probes_at_once; ++i) {
    std::uint64_t place = std::max(next, low_ + span * i / probes_at_once);
    while (place < high_ && holes_.contains(place)) ++place;
    if (place >= high_) break;
    ask(place);
    next = place + 1;
  }
  // Where all of these are lost, what lies before them may be there.
  for (std::uint64_t place = low_; requests.empty() && place < high_; ++place) {
    if (!holes_.contains(place)) ask(place);
  }
  outstanding_ = requests.size();
  return requests.empty() ? finish() : requests;
}

Requests LocateTime::on_probe(const Reply& reply) {
  const Result<Header> header = probed_header(reply, tail_.log_id);
  const std::uint64_t place = asked_.at(reply.seq);
  if (header) {
    probed_.insert_or_assign(place, *header);
  } else {
    if (!is_lost(header.error()) || holes_.size() == holes_max) return fail(header.error());
    holes_.emplace(place, header.error());
  }
  if (--outstanding_ > 0) return {};
  narrow();
  return probe();
}

void LocateTime::narrow() {
  for (const auto& [place, found] : probed_) {
    if (place < low_ || place >= high_) continue;
    if (found.created_unix_ms >= since_unix_ms_) {
      high_ = place;
      at_high_ = position_of(found);
      break;
    }
    low_ = place + 1;
  }
}

// Nothing between the bounds is unknown any more. What is lost there may have been made so late, and is not
// to be passed over in silence.
Requests LocateTime::finish() {
  if (low_ == high_) {
    result_ = at_high_.value_or(tail_);
    return {};
  }
  return fail(holes_.at(low_).with_context(
      fmt::format("the first object made so late may be lost (what is there goes on at offset {}): object {}",
                  at_high_.value_or(tail_).offset, seq_at(low_))));
}

Requests LocateTime::fail(Error error) {
  result_ = Result<Position>(std::move(error));
  return {};
}

}  // namespace varve::protocol
