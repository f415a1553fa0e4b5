#include "varve/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "base/no_memory.h"
#include "format/seal.h"
#include "log/epoch_map.h"
#include "log/front_door.h"
#include "log/read_position.h"
#include "maintain/inspect/wait_limit.h"

namespace varve {

std::string_view to_string(ObjectRole role) noexcept {
  switch (role) {
    case ObjectRole::data:
      return "data";
    case ObjectRole::seal:
      return "seal";
    case ObjectRole::unfinished:
      return "unfinished";
    case ObjectRole::fenced_off:
      return "fenced_off";
    case ObjectRole::garbage:
      return "garbage";
  }
  return "unknown";
}

using maintain::EpochMap;
using maintain::Slot;
using protocol::ListedSeq;
using protocol::LogState;
using protocol::Reply;
using protocol::Request;
using protocol::Requests;

namespace {

/// Counts every object under the log, page by page.
class Census {
 public:
  Census(const LogState& view, const EpochMap& epochs, LogInfo& info)
      : view_(view), epochs_(epochs), info_(info) {}

  /// Until not `more()`: drive the next page.
  [[nodiscard]] bool more() const { return more_; }
  [[nodiscard]] Requests page() const {
    return {Request::make(Request::Kind::list, next_, protocol::page_limit)};
  }

  Requests on(const Reply& reply) {
    if (reply.kind == Request::Kind::get_header) return on_header(reply);
    more_ = !reply.error && reply.truncated && !reply.listed.empty();
    error_ = reply.error;
    Requests requests;
    for (const ListedSeq& object : reply.listed) {
      if (!count(object)) requests.push_back(Request::make(Request::Kind::get_header, object.seq));
    }
    if (more_) next_ = reply.listed.back().seq + 1;
    return requests;
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] std::vector<PlacedObject> newest() const { return {newest_.begin(), newest_.end()}; }

 private:
  static constexpr std::size_t newest_max = 256;

  // False: its header has to tell what it is.
  bool count(const ListedSeq& object) {
    place(object);
    if (object.seq >= view_.tail.seq) return true;  // the survey told what is behind the tail
    const Slot slot = epochs_.slot(object.seq);
    const bool live = object.seq >= view_.lowest_live();
    if (slot == Slot::unknown && !live) {
      unknown_bytes_.emplace(object.seq, object.bytes);
      return false;
    }
    if (live && slot != Slot::in_void) {
      ++info_.objects;
      info_.bytes += object.bytes;
    } else if (slot != Slot::seal) {
      garbage(object.bytes);
    }
    return true;
  }

  void place(const ListedSeq& object) {
    if (newest_.size() == newest_max) newest_.pop_front();
    newest_.push_back({.seq = object.seq, .bytes = object.bytes, .role = role_of(object.seq)});
  }

  [[nodiscard]] ObjectRole role_of(Seq seq) const {
    if (seq >= view_.tail.seq) return ObjectRole::unfinished;
    const Slot slot = epochs_.slot(seq);
    if (slot == Slot::seal) return ObjectRole::seal;
    if (slot == Slot::in_void) return ObjectRole::fenced_off;
    return seq < view_.lowest_live() ? ObjectRole::garbage : ObjectRole::data;
  }

  Requests on_header(const Reply& reply) {
    const Result<format::Header> header = protocol::header_in(reply);
    const std::uint64_t bytes = unknown_bytes_.extract(reply.seq).mapped();
    if (!header || header->kind == format::Kind::data) garbage(bytes);
    return {};
  }

  void garbage(std::uint64_t bytes) {
    ++info_.garbage_objects;
    info_.garbage_bytes += bytes;
  }

  const LogState& view_;
  const EpochMap& epochs_;
  LogInfo& info_;
  Seq next_ = 0;
  bool more_ = true;
  std::deque<PlacedObject> newest_;
  std::map<Seq, std::uint64_t> unknown_bytes_;  // of the page at hand
  std::optional<Error> error_;
};

LogInfo summary_of(const LogState& view) {
  LogInfo info;
  info.log_id = to_hex(view.tail.log_id);
  info.start_offset = view.start_offset();
  info.end_offset = view.tail.offset;
  info.durable_offset = std::max(view.newest.durable_offset, view.newest_owned.durable_offset);
  // Its writer's last word: no later header will claim what came between.
  if (view.newest.has(format::flag::closing)) info.durable_offset = info.end_offset;
  info.epoch = view.tail.epoch;
  info.window = view.tail.window;
  info.lowest_live = view.lowest_live();
  info.tail = view.tail.seq;
  if (view.mirror) {
    info.mirror = MirroredLog{.source = view.mirror->source,
                              .source_end = view.mirror->source_end,
                              .source_seen_unix_ms = view.mirror->source_seen_unix_ms,
                              .keep_trimmed = view.mirror->keeps};
  }
  info.demoted = view.retired() && !view.mirror;
  info.truncated_objects = view.cut.size();
  for (const ListedSeq& object : view.cut) info.truncated_bytes += object.bytes;
  if (view.lost_end) info.damage = explain(*view.lost_end, view.tail);
  if (view.damage) info.damage = view.damage->why;
  return info;
}

std::vector<EpochInfo> live_epochs(const LogState& view, const format::EpochHistory& history) {
  std::vector<EpochInfo> epochs;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const bool last = i + 1 == history.size();
    if ((history[i].flags & format::flag::ahead) != 0) continue;
    if (!last && history[i + 1].seal <= view.lowest_live()) continue;
    const bool closed = last ? view.newest.has(format::flag::closing)
                             : (history[i + 1].flags & format::flag::fences_nobody) != 0;
    epochs.push_back({.epoch = history[i].seal,
                      .first_offset = history[i].first_offset,
                      .sealed_by = {},
                      .sealed_unix_ms = 0,
                      .closed_cleanly = closed});
  }
  return epochs;
}

// A seal that is gone, or damaged, leaves its epoch nameless; `verify` would say why.
Result<void> name_sealers(const log::LogStore& log_store, std::vector<EpochInfo>& epochs,
                          const read::WaitLimit& patience) {
  Requests requests;
  for (const EpochInfo& epoch : epochs) {
    requests.push_back(Request::make(Request::Kind::get_object, epoch.epoch));
  }
  std::optional<Error> newer;
  const auto on = [&](const Reply& reply) {
    const Result<format::Header> header = protocol::header_in(reply);
    if (!header && header.error().code() == Code::unsupported) newer = header.error();
    if (!header || header->kind != format::Kind::seal) return Requests();
    const auto epoch = std::ranges::lower_bound(epochs, reply.seq, {}, &EpochInfo::epoch);
    epoch->sealed_unix_ms = header->created_unix_ms;
    if (const auto body = format::decode_seal(reply.bytes, *header)) {
      epoch->sealed_by = fmt::format("{}:{}", body->host, body->pid);
    }
    return Requests();
  };
  const Result<void> driven = log_store.drive(std::move(requests), on, patience.deadline, patience.stop);
  return driven && newer ? Result<void>(*newer) : driven;
}

Result<LogInfo> inspect_with(const log::LogStore& log_store, const read::WaitLimit& patience) {
  const Result<LogState> view = read::read_log_state(log_store, patience, read::OnDamage::tell);
  if (!view) return view.error();
  const Result<EpochMap> epochs = EpochMap::load(log_store, *view, patience);
  if (!epochs) return epochs.error();

  LogInfo info = summary_of(*view);
  Census census(*view, *epochs, info);
  while (census.more()) {
    const Result<void> counted = log_store.drive(
        census.page(), [&](const Reply& reply) { return census.on(reply); },
        log::LogStore::after(maintain::step_give_up_ms));
    if (!counted) return counted.error();
  }
  if (census.error()) return *census.error();
  info.newest = census.newest();
  info.epochs = live_epochs(*view, epochs->history());
  const Result<void> named = name_sealers(log_store, info.epochs, patience);
  if (!named) return named.error();
  return info;
}

}  // namespace

Result<LogInfo> inspect(const LogAddress& log) {
  return log::with_store(log, [&]() -> Result<LogInfo> {
    const log::LogStore log_store(log);
    Result<LogInfo> info =
        inspect_with(log_store, {.deadline = log::LogStore::after(maintain::step_give_up_ms), .stop = {}});
    if (!info && info.error().code() == Code::timed_out)
      return Error(Code::unavailable, info.error().message());
    return info;
  });
}

}  // namespace varve
