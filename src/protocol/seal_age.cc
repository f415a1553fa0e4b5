#include "protocol/seal_age.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/mutant.h"
#include "format/seal.h"

namespace varve::protocol {

namespace {

bool independent(const AgeBound& one, const AgeBound& other) {
  return one.clock != other.clock && one.clock != other.other_clock && one.other_clock != other.clock &&
         one.other_clock != other.other_clock;
}

/// What is later minus what is earlier. The difference of any two times has room, or is as good as for ever.
std::int64_t between(std::int64_t earlier, std::int64_t later) {
  std::int64_t age = 0;
  if (__builtin_sub_overflow(later, earlier, &age)) return later > earlier ? INT64_MAX : INT64_MIN;
  return age;
}

/// For each host, how much of its own time has passed since the first object that it made at or after `seal`.
void add_host_bounds(const AgingSeal& seal, const SealClocks& clocks, std::vector<AgeBound>& bounds) {
  struct Span {
    std::int64_t first = 0;
    std::int64_t last = 0;
  };
  std::map<std::string, Span> spans;
  const auto add = [&](const std::string& host, std::int64_t unix_ms) {
    const auto [span, is_new] = spans.try_emplace(host, Span{unix_ms, unix_ms});
    if (!is_new) span->second.last = unix_ms;
  };
  if (!seal.host.empty()) add(seal.host, seal.created_unix_ms);
  for (const HostTime& time : clocks.seen) {
    if (time.seq > seal.seq) add(time.host, time.unix_ms);
  }
  add(clocks.host, clocks.now_unix_ms);
  for (const auto& [host, span] : spans) {
    bounds.push_back({.age_ms = between(span.first, span.last), .clock = host, .other_clock = host});
  }
}

}  // namespace

std::optional<std::int64_t> certain_age_ms(const std::vector<AgeBound>& bounds) {
  std::optional<std::int64_t> certain;
  for (const AgeBound& one : bounds) {
    if (mutated(Mutant::one_clock_believed)) certain = std::max(certain.value_or(one.age_ms), one.age_ms);
    for (const AgeBound& other : bounds) {
      if (!independent(one, other)) continue;
      const std::int64_t both = std::min(one.age_ms, other.age_ms);
      certain = std::max(certain.value_or(both), both);
    }
  }
  return certain;
}

bool SealClocks::independent() const {
  if (store_now_unix_ms) return true;
  return std::ranges::any_of(seen, [&](const HostTime& time) { return time.host != host; });
}

bool outlives_sleepers(const AgingSeal& seal, const SealClocks& clocks) {
  std::vector<AgeBound> bounds;
  // Where it is not known whose clock dated the seal, it may be any of those that are known.
  if (!seal.host.empty()) {
    bounds.push_back({.age_ms = between(seal.created_unix_ms, clocks.now_unix_ms),
                      .clock = seal.host,
                      .other_clock = clocks.host});
  }
  if (seal.stored_unix_ms && clocks.store_now_unix_ms) {
    bounds.push_back(
        {.age_ms = between(*seal.stored_unix_ms, *clocks.store_now_unix_ms), .clock = {}, .other_clock = {}});
  }
  add_host_bounds(seal, clocks, bounds);
  const auto age = certain_age_ms(bounds);
  return age && *age > clocks.no_writer_sleeps_ms;
}

FindSealClocks::FindSealClocks(Seq newest, format::EpochHistory history, std::uint32_t no_writer_sleeps_days,
                               std::int64_t now_unix_ms, std::string host)
    : newest_(newest),
      history_(std::move(history)),
      clocks_{.no_writer_sleeps_ms = std::int64_t{no_writer_sleeps_days} * 24 * 60 * 60 * 1000,
              .now_unix_ms = now_unix_ms,
              .host = std::move(host)} {}

Requests FindSealClocks::start() { return {Request::make(Request::Kind::list, newest_, 1)}; }

Requests FindSealClocks::on(const Reply& reply) {
  if (reply.kind == Request::Kind::list) return on_newest(reply);
  on_seal(reply);
  return {};
}

// A store with a clock of its own says when it stored the newest object: its present, or shortly before.
Requests FindSealClocks::on_newest(const Reply& reply) {
  if (reply.error) {
    result_ = Result<SealClocks>(*reply.error);
    return {};
  }
  if (!reply.listed.empty()) clocks_.store_now_unix_ms = reply.listed.front().stored_unix_ms;
  Requests requests;
  if (!clocks_.store_now_unix_ms) {
    for (const format::EpochEntry& epoch : history_) {
      requests.push_back(Request::make(Request::Kind::get_header, epoch.seal, format::max_seal_bytes));
    }
  }
  outstanding_ = requests.size();
  if (requests.empty()) finish();
  return requests;
}

void FindSealClocks::on_seal(const Reply& reply) {
  const Result<format::Header> seal = header_in(reply);
  if (seal && seal->kind == format::Kind::seal && !seal->has(format::flag::ahead)) {
    if (auto host = host_in(reply, *seal)) {
      clocks_.seen.push_back({.seq = seal->seq, .host = *std::move(host), .unix_ms = seal->created_unix_ms});
    }
  }
  if (--outstanding_ == 0) finish();
}

void FindSealClocks::finish() {
  std::ranges::sort(clocks_.seen, {}, &HostTime::seq);
  if (clocks_.independent()) {
    result_ = clocks_;
    return;
  }
  result_ = Result<SealClocks>(
      Error(Code::invalid_argument,
            "the age of seals cannot be told by one clock, and here is no other: the store has none, and no "
            "other host has ever written this log. Trim without no_writer_sleeps_days"));
}

std::optional<std::string> host_in(const Reply& reply, const format::Header& seal) {
  auto body = format::decode_seal(reply.bytes, seal);
  if (!body || body->host.empty()) return std::nullopt;
  return std::move(body->host);
}

}  // namespace varve::protocol
