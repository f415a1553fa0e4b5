// What it costs to begin reading somewhere in a long log, in round trips and requests.
#pragma once

#include <cstdint>

#include "bench/load.h"
#include "varve/result.h"

namespace varve::bench {

/// The most that any of the samples took.
struct SeekCost {
  std::uint32_t round_trips = 0;
  std::uint64_t requests = 0;
};

struct SeekFigures {
  SeekCost by_offset;    ///< `Reader::open`, `from`: looking at the log included
  SeekCost by_time;      ///< `Reader::open`, `since_unix_ms`
  SeekCost one_record;   ///< `PointReader::read` of one that is open and has seen nothing yet
  SeekCost next_record;  ///< the one in the object behind that
};

/// Makes a log of so many objects in memory, and seeks to `samples` places in it, with requests that take
/// long enough to see which wait for one another.
Result<SeekFigures> seek_in_many(std::uint64_t objects, std::uint32_t samples, Live& live);

}  // namespace varve::bench
