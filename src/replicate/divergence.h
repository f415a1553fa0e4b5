// Whether one log is the beginning of another, and if not, where they part.
#pragma once

#include <optional>

#include "log/log_store.h"
#include "log/read_position.h"

namespace varve::replicate {

/// The header that lies at `seq`; nothing where nothing lies.
Result<std::optional<format::Header>> header_at(const log::LogStore& log, Seq seq,
                                                const read::WaitLimit& patience);

/// Whether the seal that lies at `seal` of `log` was put for a promotion of `place` (docs/protocol.md, Whose
/// promotion?). Not if it is gone.
Result<bool> promoted_by(const log::LogStore& log, Seq seal, const log::LogStore& place,
                         const read::WaitLimit& patience);

/// `foreign`: says in what the two objects, of the same place, differ.
[[nodiscard]] Error differ(const log::LogStore& source, const log::LogStore& destination,
                           const format::Header& theirs, const format::Header& ours);

/// Whether the chain that `ours` saw at `destination` is the beginning of the source's. Each header carries
/// the hash of the one before it, so one object that is the same stands for all before it. Error: `foreign`,
/// which names the first place that differs.
Result<void> check_prefix(const log::LogStore& source, const protocol::LogState& theirs,
                          const log::LogStore& destination, const protocol::LogState& ours,
                          const read::WaitLimit& patience);

}  // namespace varve::replicate
