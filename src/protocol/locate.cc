#include "protocol/locate.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutant.h"
#include "protocol/older_epochs.h"
#include "protocol/probe.h"

namespace varve::protocol {

using format::EpochEntry;
using format::Header;

Locate::Locate(const LogState& view, Offset target)
    : valid_{view.start_offset(), view.tail.offset},
      tail_(view.tail),
      lowest_live_(view.lowest_live()),
      newest_(view.newest.seq),
      target_(target),
      history_(view.history) {}

Requests Locate::start() {
  if (target_ < valid_.begin || target_ > valid_.end) {
    return fail(
        Error(Code::out_of_range, fmt::format("offset {} is not in the log: it holds {} up to, but not "
                                              "including, {}",
                                              target_, valid_.begin, valid_.end))
            .with_valid_range(valid_));
  }
  if (target_ == valid_.end) {
    result_ = tail_;
    return {};
  }
  return choose_epoch();
}

Requests Locate::choose_epoch() {
  const auto after = std::ranges::upper_bound(history_, target_, {}, &EpochEntry::first_offset);
  if (after == history_.begin()) {
    if (history_.empty()) return fail({Code::corruption, "the log's newest seal names no epochs"});
    ++outstanding_;
    return {Request::make(Request::Kind::get_object, history_.front().seal)};
  }
  const auto first_alike =
      std::ranges::lower_bound(history_, (after - 1)->first_offset, {}, &EpochEntry::first_offset);
  const EpochEntry& epoch = mutated(Mutant::empty_epoch_found) ? *first_alike : *(after - 1);
  low_ = std::max(epoch.seal + tail_.window, lowest_live_);
  high_ = after == history_.end() ? newest_ : after->seal - 1;
  if (low_ > high_) {
    return fail({Code::corruption,
                 fmt::format("epoch {} should hold offset {} and has no objects", epoch.seal, target_)});
  }
  narrow();
  return probe();
}

Requests Locate::on_older_seals(const Reply& reply) {
  if (auto error = prepend_older_epochs(history_, reply)) return fail(*std::move(error));
  return choose_epoch();
}

Requests Locate::on(const Reply& reply) {
  if (done()) return {};
  --outstanding_;
  return reply.kind == Request::Kind::get_object ? on_older_seals(reply) : on_probe(reply);
}

Requests Locate::probe() {
  Requests requests;
  const auto ask = [&](Seq seq) { requests.push_back(Request::make(Request::Kind::get_header, seq)); };
  const auto known = [&](Seq seq) { return probed_.contains(seq) || holes_.contains(seq); };
  if (!known(low_)) ask(low_);
  const Seq span = high_ - low_;
  Seq next = low_ + 1;
  for (Seq i = 1; i <= probes_at_once; ++i) {
    Seq seq = std::max(next, low_ + (span * i + probes_at_once - 1) / probes_at_once);
    while (seq <= high_ && known(seq)) ++seq;
    if (seq > high_) break;
    ask(seq);
    next = seq + 1;
  }
  // Where all of these are lost, what lies before them may be there.
  for (Seq seq = low_ + 1; requests.empty() && seq <= high_; ++seq) {
    if (!known(seq)) ask(seq);
  }
  outstanding_ += requests.size();
  return requests.empty() ? finish() : requests;
}

Requests Locate::on_probe(const Reply& reply) {
  const Result<Header> header = probed_header(reply, tail_.log_id);
  if (header) {
    probed_.insert_or_assign(reply.seq, *header);
  } else {
    if (!is_lost(header.error()) || holes_.size() == holes_max) return fail(header.error());
    holes_.emplace(reply.seq, header.error());
  }
  if (outstanding_ > 0) return {};
  narrow();
  return probe();
}

void Locate::narrow() {
  for (const auto& [seq, found] : probed_) {
    if (seq < low_ || seq > high_) continue;
    if (mutated(Mutant::search_off_by_one) ? found.first_offset < target_ : found.first_offset <= target_) {
      low_ = seq;
    } else {
      high_ = seq - 1;
      break;
    }
  }
}

// Nothing between the bounds is unknown any more: the lower one has the target, or it is lost.
Requests Locate::finish() {
  const auto found = probed_.find(low_);
  const bool holds = found != probed_.end() && target_ < found->second.end_offset();
  if (holds && target_ >= found->second.first_offset) {
    result_ = position_of(found->second);
    return {};
  }
  if (const auto hole = holes_.lower_bound(low_); hole != holes_.end() && hole->first <= high_) {
    return fail(hole->second);
  }
  const Header& header = found->second;
  return fail({Code::corruption, fmt::format("offset {} should be in object {}, which holds {} up to {}",
                                             target_, header.seq, header.first_offset, header.end_offset())});
}

Requests Locate::fail(Error error) {
  result_ = Result<Position>(std::move(error));
  return {};
}

ReaderStatus reader_status(const Position& reader, const LogState& view) {
  if (reader.offset < view.start_offset()) return ReaderStatus::trimmed;
  if (reader.offset > view.tail.offset) return ReaderStatus::lost;
  const Position& tail = view.tail;
  if (reader.seq == tail.seq && reader.epoch == tail.epoch && reader.offset == tail.offset) {
    return ReaderStatus::at_tail;
  }
  // Where the log is trimmed away, a claimant that slept may have put a seal, and the reader passed it:
  // what it expects now says nothing about the log.
  const bool after_seal = reader.seq == reader.epoch + reader.window;
  const Seq passed = after_seal ? reader.epoch : reader.seq - std::min<Seq>(reader.seq, 1);
  if (passed < view.lowest_live() &&
      !(mutated(Mutant::misled_reader_stays) && reader.seq >= view.lowest_live()))
    return ReaderStatus::relocate;
  if (reader.seq < tail.seq) return ReaderStatus::look_again;
  return ReaderStatus::relocate;  // it followed something that the chain does not: find the way back
}

}  // namespace varve::protocol
