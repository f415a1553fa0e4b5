// Where a log stands, and which object holds an offset: the chain's machines, run and waited for.
#pragma once

#include <optional>
#include <stop_token>

#include "format/checkpoint.h"
#include "log/log_store.h"
#include "protocol/seek.h"

namespace varve::read {

/// How long to wait for the store: until the deadline, or the wish to stop (`closed`).
struct WaitLimit {
  log::LogStore::Deadline deadline = log::LogStore::never;
  std::stop_token stop;
};

/// "<store>/<log>", for messages.
[[nodiscard]] std::string name_of(const LogAddress& log);

/// What damage near the log's end is.
enum class OnDamage : std::uint8_t {
  fail,  ///< an error
  tell,  ///< told in the state, which has what is sound: for those who write nothing
};

/// Scans the log. Errors: `not_found` if there is none, and those of `protocol::RecoveryScan`.
Result<protocol::LogState> read_log_state(const log::LogStore& log_store, const WaitLimit& patience,
                                          OnDamage on_damage = OnDamage::fail);

/// The log's checkpoint; nothing where there is none. Errors: `corruption` or `unsupported` for one that
/// can't be read, also when it is read again.
Result<std::optional<format::Checkpoint>> read_checkpoint(const log::LogStore& log_store,
                                                          const WaitLimit& patience);

using protocol::SeekTarget;

struct ReadPosition {
  protocol::LogState view;  ///< as it was when the place was found
  protocol::Position at;  ///< of the object that holds the offset (the start: or shortly before), or the tail
  Offset offset = 0;      ///< of the first record wanted
};

/// `error`, which says nothing of where: with the log's name.
[[nodiscard]] Error named(const Error& error, const log::LogStore& log_store);

/// Finds what is wanted. Errors: `out_of_range` with the valid range, and as `read_log_state`.
Result<ReadPosition> find_read_position(const log::LogStore& log_store, const SeekTarget& target,
                                        const WaitLimit& patience);

}  // namespace varve::read
