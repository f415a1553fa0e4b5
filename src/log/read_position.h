// Where a log stands, and which object holds an offset: the chain's machines, run and waited for.
#pragma once

#include <optional>
#include <stop_token>

#include "log/log_store.h"
#include "protocol/position.h"
#include "protocol/recovery_scan.h"

namespace varve::read {

/// How long to wait for the store: until the deadline, or the wish to stop (`closed`).
struct WaitLimit {
  log::LogStore::Deadline deadline = log::LogStore::never;
  std::stop_token stop;
};

/// "<store>/<log>", for messages.
[[nodiscard]] std::string name_of(const LogAddress& log);

/// Surveys the log. Errors: `not_found` if there is none, and those of `protocol::Survey`.
Result<protocol::LogState> read_log_state(const log::LogStore& log_store, const WaitLimit& patience);

/// The log's checkpoint; nothing where there is none. Errors: `corruption` or `unsupported` for one that
/// can't be read, also when it is read again.
Result<std::optional<format::Checkpoint>> read_checkpoint(const log::LogStore& log_store,
                                                          const WaitLimit& patience);

/// Where to begin, in one way at most; in none: at the log's start.
struct SeekTarget {
  std::optional<Offset> offset = {};
  std::optional<std::int64_t> since_unix_ms = {};  ///< the first object made then or later; none: the tail
  std::optional<std::uint64_t> last = {};          ///< so many records before the end, if there are so many
};

struct ReadPosition {
  protocol::LogState view;  ///< as it was when the place was found
  protocol::Position at;  ///< of the object that holds the offset (the start: or shortly before), or the tail
  Offset offset = 0;      ///< of the first record wanted
};

/// Finds what is wanted. Errors: `out_of_range` with the valid range, and as `look_at`.
Result<ReadPosition> find_read_position(const log::LogStore& log_store, const SeekTarget& wanted,
                                        const WaitLimit& patience);

}  // namespace varve::read
