// Where a mirror begins, or goes on: from what both places hold.
#pragma once

#include "log/log_store.h"
#include "log/read_position.h"
#include "protocol/mirroring.h"
#include "varve/mirror.h"

namespace varve::replicate {

struct ResumePoint {
  protocol::MirroringStart start;
  protocol::LogState source;  ///< as it was seen
};

/// Looks at both, and puts the seal of the first epoch where the mirror is new, or the checkpoint of one that
/// was attached. Errors: as `Mirror::open`.
Result<ResumePoint> begin(const log::LogStore& source, const log::LogStore& destination,
                          const MirrorOptions& options, const read::WaitLimit& patience);

/// What is left to copy begins below what the source still has.
[[nodiscard]] Error trimmed_past(const log::LogStore& source, const protocol::Position& wanted,
                                 const protocol::LogState& view);

/// One request, whose answer is waited for.
Result<protocol::Reply> ask(const log::LogStore& log_store, protocol::Request request,
                            const read::WaitLimit& patience);

}  // namespace varve::replicate
