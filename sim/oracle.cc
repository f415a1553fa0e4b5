#include "sim/oracle.h"

#include <fmt/format.h>

#include <algorithm>

#include "format/records.h"
#include "testing/test_log.h"

namespace varve::sim {

using format::Header;
using format::Kind;
namespace flag = format::flag;

void Oracle::violated(std::string what) {
  if (!violation_) violation_ = std::move(what);
}

void Oracle::stored(Seq seq, const std::vector<std::byte>& object) {
  const Result<Header> header = format::decode_header(object);
  if (!header || header->seq != seq) return violated(fmt::format("object {} is stored unreadable", seq));
  if (!ever_.emplace(seq, *header).second) return;  // an old place, trimmed away: nobody may care
  digest_ += Fingerprint().add(seq).add(hash_of(*header));
  extend();
}

void Oracle::extend() {
  for (auto at = ever_.find(next_seq_); at != ever_.end() && !violation_; at = ever_.find(next_seq_)) {
    link(at->second);
  }
}

void Oracle::link(const Header& header) {
  const bool seal = header.kind == Kind::seal;
  const bool ahead = header.has(flag::ahead);
  if (chain_.empty() && (!seal || ahead)) return violated("the log does not begin with a seal");
  if (!chain_.empty() && header.log_id != chain_.begin()->second.log_id)
    return violated(fmt::format("object {} on the chain is of another log", header.seq));
  if (!ahead && header.first_offset != next_offset_)
    return violated(fmt::format("object {} on the chain begins at offset {}, not {}", header.seq,
                                header.first_offset, next_offset_));
  if (!ahead && header.previous_hash != previous_hash_)
    return violated(fmt::format("object {} on the chain follows another object", header.seq));
  if (!seal && (header.epoch != epoch_ || !owned_))
    return violated(
        fmt::format("object {} of epoch {} is on the chain in epoch {}", header.seq, header.epoch, epoch_));
  if (retired_ && !ahead && !header.has(flag::retired)) {  // that again, behind a seal that was placed ahead
    if (!header.has(flag::promoted))
      return violated(fmt::format("object {} goes on with a log that was retired", header.seq));
    retired_ = false;
  }
  retired_ = retired_ || header.has(flag::retired);
  chain_.emplace(header.seq, header);
  previous_hash_ = hash_of(header);
  if (seal) {
    epoch_ = header.seq;
    owned_ = !ahead;
    next_seq_ += header.window;
  } else {
    next_offset_ += header.record_count;
    owned_ = !header.has(flag::closing);
    next_seq_ += 1;
  }
  if (!ahead) check_claims(header);
}

// What the header says of the log must have been so when it was made.
void Oracle::check_claims(const Header& header) {
  const auto complain = [&](const char* what) {
    violated(fmt::format("object {} on the chain {}", header.seq, what));
  };
  if (header.seq != 0 && !chain_.contains(header.anchor)) return complain("names an anchor off the chain");
  if (header.start_offset < start_offset_) return complain("takes the start back");
  if (header.start_offset > std::max(highest_wish_, start_offset_))
    return complain("trims what nobody wished trimmed");
  if (header.lowest_live < lowest_live_) return complain("takes the lowest live seq back");
  if (header.lowest_live > header.anchor) return complain("could lose its own anchor");
  for (auto at = chain_.lower_bound(header.lowest_live); at != chain_.begin();) {
    --at;
    if (at->second.kind == Kind::seal) continue;
    if (at->second.end_offset() > header.start_offset) return complain("gives live records up");
    break;
  }
  start_offset_ = header.start_offset;
  lowest_live_ = header.lowest_live;
}

bool Oracle::seal_may_go(Seq seq) const {
  const auto at = chain_.find(seq);
  if (at == chain_.end() || !at->second.has(flag::fences_nobody)) return false;
  for (auto later = std::next(at); later != chain_.end(); ++later) {
    if (later->second.kind == Kind::seal) return later->first <= lowest_live_;
  }
  return false;
}

Oracle Oracle::parting_at(const Header& seal, bool keeps) const {
  Oracle other;
  other.highest_wish_ = highest_wish_;
  for (auto at = chain_.begin(); at != chain_.lower_bound(seal.seq); ++at) {
    other.ever_.insert(*at);
    other.link(at->second);
  }
  if (keeps) {
    other.start_offset_ = std::min(other.start_offset_, seal.start_offset);
    other.lowest_live_ = std::min(other.lowest_live_, seal.lowest_live);
  }
  other.digest_ = digest_;
  return other;
}

void Oracle::removing(Seq seq, const std::vector<std::byte>& object) {
  if (seq >= next_seq_)
    return violated(fmt::format("object {}, at or beyond the tail {}, is deleted", seq, next_seq_));
  const auto at = chain_.find(seq);
  if (at == chain_.end()) return;  // in a void
  const Result<Header> header = format::decode_header(object);
  if (!header || *header != at->second) return;  // it came to a trimmed place, late
  if (header->kind == Kind::seal) {
    if (!seal_may_go(seq)) violated(fmt::format("the seal {} is deleted", seq));
  } else if (seq >= lowest_live_) {
    violated(fmt::format("object {} is deleted; the lowest live one is {}", seq, lowest_live_));
  }
}

void Oracle::acknowledged(const Header& header) {
  const auto at = chain_.find(header.seq);
  if (at == chain_.end() || at->second != header) {
    violated(fmt::format("object {}, offsets {} to {}, is acknowledged and not on the chain", header.seq,
                         header.first_offset, header.end_offset()));
  }
}

void Oracle::ended(const Header& header, WriteOutcome outcome) {
  if (outcome != WriteOutcome::unknown) fates_.emplace_back(header, outcome);
}

void Oracle::surveyed(const Moment& begun, const protocol::LogState& view) {
  if (!view.exists) {
    if (begun.tail != 0) violated("a survey did not see the log");
    return;
  }
  if (view.lost_end) return violated("a scan takes the end for lost, by the word of the checkpoint");
  if (view.damage) return violated("a scan sees damage: " + view.damage->why.message());
  const auto newest = chain_.find(view.newest.seq);
  if (newest == chain_.end() || newest->second != view.newest)
    return violated(fmt::format("a survey ends at object {}, which is not on the chain", view.newest.seq));
  const Seq tail = newest->first + (newest->second.kind == Kind::seal ? newest->second.window : 1);
  Offset offset = next_offset_;
  if (const auto after = std::find_if(std::next(newest), chain_.end(),
                                      [](const auto& link) { return !link.second.has(flag::ahead); });
      after != chain_.end()) {
    offset = after->second.first_offset;
  }
  if (view.tail.seq != tail || view.tail.offset != offset)
    return violated(fmt::format("a survey takes {} (offset {}) for the tail, not {} (offset {})",
                                view.tail.seq, view.tail.offset, tail, offset));
  if (tail < begun.tail)
    return violated(fmt::format("a survey saw the tail {} when it was {} before", tail, begun.tail));
  if (view.start_offset() < begun.start_offset)
    return violated("a survey saw an earlier start than there was");
  if (view.lowest_live() > lowest_live_) return violated("a survey saw a later start than there is");
  auto seal = chain_.upper_bound(view.newest.seq);
  for (auto known = view.history.rbegin(); known != view.history.rend(); ++known) {
    do {
      if (seal == chain_.begin()) return violated("a survey knows a seal that is not on the chain");
      --seal;
    } while (seal->second.kind != Kind::seal);
    if (seal->first != known->seal || seal->second.flags != known->flags ||
        (!seal->second.has(flag::ahead) && seal->second.first_offset != known->first_offset))
      return violated(
          fmt::format("a survey has the seal {} where the chain has {}", known->seal, seal->first));
  }
}

void Oracle::delivered(Seq seq, const std::vector<std::byte>& object, Offset first) {
  const auto at = chain_.find(seq);
  if (at == chain_.end()) return violated(fmt::format("a reader was given object {}, off the chain", seq));
  const Header& truth = at->second;
  const Result<Header> header = format::decode_header(object);
  if (!header || *header != truth) return violated(fmt::format("a reader was given another object {}", seq));
  format::RecordCursor cursor(object, *header);
  Offset offset = truth.first_offset;
  for (;;) {
    const auto record = cursor.next();
    if (!record) return violated("a reader was given a damaged record");
    if (!*record) break;
    std::uint64_t payload = 0;
    if ((*record)->payload.size() != sizeof(payload)) return violated("a record has changed its length");
    std::memcpy(&payload, (*record)->payload.data(), sizeof(payload));
    if ((*record)->offset != offset || payload != protocol::test_payload(truth.writer_id, offset))
      return violated(fmt::format("the record at offset {} has changed", offset));
    ++offset;
  }
  if (offset != truth.end_offset() || first < truth.first_offset)
    violated(fmt::format("object {} has lost records", seq));
}

void Oracle::failed(const Error& error, bool damaged, const char* who) {
  switch (error.code()) {
    case Code::corruption:
    case Code::foreign:
    case Code::unsupported:
      if (damaged) return;
      [[fallthrough]];
    case Code::internal:
    case Code::invalid_argument:
      violated(fmt::format("{} was told: {}: {}", who, to_string(error.code()), error.message()));
      return;
    default:
      return;
  }
}

void Oracle::told_trimmed(Offset offset) {
  if (offset >= start_offset_)
    violated(fmt::format("a reader at offset {} was told that it is trimmed; the log starts at {}", offset,
                         start_offset_));
}

void Oracle::finish() {
  for (const auto& [header, outcome] : fates_) {
    const auto at = chain_.find(header.seq);
    if (at != chain_.end() && at->second == header)
      violated(
          fmt::format("object {} is on the chain; its writer was told: {}", header.seq, to_string(outcome)));
  }
}

}  // namespace varve::sim
