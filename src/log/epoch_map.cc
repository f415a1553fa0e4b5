#include "log/epoch_map.h"

#include <algorithm>

#include "format/seal.h"

namespace varve::maintain {

using format::EpochEntry;
using format::EpochHistory;

namespace {

/// The epochs before `history`, from the body of its oldest seal that knows any.
Result<EpochHistory> older_than(const log::LogStore& log_store, const EpochHistory& history,
                                const read::WaitLimit& patience) {
  EpochHistory older;
  const auto knows = [](const EpochEntry& entry) { return (entry.flags & format::flag::ahead) == 0; };
  const auto oldest = std::ranges::find_if(history, knows);
  if (oldest == history.end()) return older;
  std::optional<Error> newer;
  const auto on = [&](const protocol::Reply& reply) {
    // A seal that is gone, or damaged, ends what is known.
    const auto header = protocol::header_in(reply);
    if (!header && header.error().code() == Code::unsupported) newer = header.error();
    if (header && header->kind == format::Kind::seal) {
      if (auto body = format::decode_seal(reply.bytes, *header)) older = std::move(body->history);
    }
    return protocol::Requests();
  };
  const auto request = protocol::Request::make(protocol::Request::Kind::get_object, oldest->seal);
  const Result<void> driven = log_store.drive({request}, on, patience.deadline, patience.stop);
  if (!driven) return driven.error();
  if (newer) return *newer;
  std::erase_if(older, [&](const EpochEntry& entry) { return entry.seal >= history.front().seal; });
  return older;
}

}  // namespace

Result<EpochMap> EpochMap::load(const log::LogStore& log_store, const protocol::LogState& view,
                                const read::WaitLimit& patience) {
  EpochHistory history = view.history;
  while (!history.empty() && history.front().seal > view.lowest_live()) {
    const Result<EpochHistory> older = older_than(log_store, history, patience);
    if (!older) return older.error();
    if (older->empty()) break;
    history.insert(history.begin(), older->begin(), older->end());
  }
  return EpochMap(std::move(history), view.tail.window);
}

Slot EpochMap::slot(Seq seq) const {
  const auto after = std::ranges::upper_bound(history_, seq, {}, &EpochEntry::seal);
  if (after == history_.begin()) return Slot::unknown;
  const Seq seal = (after - 1)->seal;
  if (seq == seal) return Slot::seal;
  return seq - seal < window_ ? Slot::in_void : Slot::data;
}

}  // namespace varve::maintain
