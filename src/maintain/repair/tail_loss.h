// What is lost near a log's end, and from where on it is whole: from headers alone.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "format/checkpoint.h"
#include "protocol/position.h"
#include "protocol/request.h"
#include "varve/repair.h"

namespace varve::maintain {

/// The newest objects of a log, `newest_looked_at` of them or all.
struct NearEnd {
  std::map<Seq, Result<format::Header>> headers;  ///< of each that is listed
  std::optional<format::Checkpoint> checkpoint;
};

inline constexpr std::size_t newest_looked_at = 2 * std::size_t{format::max_window};

struct TailLoss {
  std::vector<LostRecords> lost;  ///< what a writer that opens the log trips over
  Seq walk_from = 0;              ///< an object behind all of it; from there the chain is whole
  protocol::Position tail;
};

/// What is lost, if anything that an opener would have to walk over is. An error says why nobody can go on
/// behind it: how many records are lost is not known, or something is in the way.
Result<std::optional<TailLoss>> find_tail_loss(const NearEnd& end);

}  // namespace varve::maintain
