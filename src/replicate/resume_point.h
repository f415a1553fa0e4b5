// Finds out where a mirror begins, or goes on: runs `protocol::MirrorStart` on the two stores.
#pragma once

#include "log/log_store.h"
#include "log/read_position.h"
#include "protocol/mirror_start.h"
#include "varve/mirror.h"

namespace varve::replicate {

/// How much of the destination is looked at before the copying goes on.
enum class Look : std::uint8_t {
  quick,  ///< what its checkpoint says, as far as that is enough
  whole,  ///< a listing of every place: for whoever relies on the copy
};

/// Errors: as `Mirror::open`.
Result<protocol::ResumePoint> begin(const log::LogStore& source, const log::LogStore& destination,
                                    const MirrorOptions& options, const read::WaitLimit& patience,
                                    Look look = Look::quick);

/// What is left to copy begins below what the source still has.
[[nodiscard]] Error trimmed_past(const log::LogStore& source, const protocol::Position& wanted,
                                 const protocol::LogState& view);

}  // namespace varve::replicate
