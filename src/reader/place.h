// Where a log stands, and which object holds an offset: the chain's machines, run and waited for.
#pragma once

#include <optional>
#include <stop_token>

#include "chain/position.h"
#include "chain/survey.h"
#include "courier/courier.h"

namespace varve::reader {

/// How long to wait for the store: until the deadline, or the wish to stop (`closed`).
struct Patience {
  courier::Courier::Deadline deadline = courier::Courier::never;
  std::stop_token stop;
};

/// "<store>/<log>", for messages.
[[nodiscard]] std::string name_of(const LogAddress& log);

/// Surveys the log. Errors: `not_found` if there is none, and those of `chain::Survey`.
Result<chain::TailView> look_at(const courier::Courier& courier, const Patience& patience);

/// Where to begin, in one way at most; in none: at the log's start.
struct Wanted {
  std::optional<Offset> offset = {};
  std::optional<std::int64_t> since_unix_ms = {};  ///< the first object made then or later; none: the tail
  std::optional<std::uint64_t> last = {};          ///< so many records before the end, if there are so many
};

struct Place {
  chain::TailView view;  ///< as it was when the place was found
  chain::Position at;    ///< of the object that holds the offset (the start: or shortly before), or the tail
  Offset offset = 0;     ///< of the first record wanted
};

/// Finds what is wanted. Errors: `out_of_range` with the valid range, and as `look_at`.
Result<Place> find_place(const courier::Courier& courier, const Wanted& wanted, const Patience& patience);

}  // namespace varve::reader
