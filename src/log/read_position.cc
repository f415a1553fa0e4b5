#include "log/read_position.h"

#include <fmt/format.h>

namespace varve::read {

using log::LogStore;
using protocol::LogState;

std::string name_of(const LogAddress& log) { return log.store->describe() + "/" + log.path; }

Error named(const Error& error, const LogStore& log_store) {
  if (error.code() != Code::not_found) return error.with_context(log_store.name_of_log());
  return {Code::not_found, fmt::format("there is no log at {}; check the name", log_store.name_of_log())};
}

Result<LogState> read_log_state(const LogStore& log_store, const WaitLimit& patience, OnDamage on_damage) {
  protocol::RecoveryScan scan({.want_history = true, .tell_damage = on_damage == OnDamage::tell});
  Result<LogState> view = log::run(log_store, scan, patience.deadline, patience.stop);
  if (!view) return view.error().with_context(log_store.name_of_log());
  if (!view->exists) return named(protocol::nothing_there(*view), log_store);
  return view;
}

Result<std::optional<format::Checkpoint>> read_checkpoint(const LogStore& log_store,
                                                          const WaitLimit& patience) {
  for (std::uint32_t reads = 1;; ++reads) {
    protocol::Reply answer;
    const auto on = [&answer](const protocol::Reply& reply) {
      answer = reply;
      return protocol::Requests();
    };
    const auto driven = log_store.drive({protocol::Request::make(protocol::Request::Kind::get_checkpoint)},
                                        on, patience.deadline, patience.stop);
    if (!driven) return driven.error();
    if (answer.is(Code::not_found)) return std::optional<format::Checkpoint>();
    if (answer.error) return *answer.error;
    Result<format::Checkpoint> found = format::decode_checkpoint(answer.bytes);
    if (found) return std::optional(*std::move(found));
    if (reads == protocol::reads_max) return found.error();
  }
}

Result<ReadPosition> find_read_position(const LogStore& log_store, const SeekTarget& target,
                                        const WaitLimit& patience) {
  protocol::Seek seek(target);
  Result<protocol::SeekResult> found = log::run(log_store, seek, patience.deadline, patience.stop);
  if (!found) return named(found.error(), log_store);
  return ReadPosition{.view = std::move(found->state), .at = found->at, .offset = found->offset};
}

}  // namespace varve::read
