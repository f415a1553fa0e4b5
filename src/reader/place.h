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

struct Place {
  chain::TailView view;  ///< as it was when the place was found
  chain::Position at;    ///< of the object that holds the offset (the start: or shortly before), or the tail
};

/// Finds the place of `target`; unset: of the log's start. Errors: `out_of_range` with the valid
/// range, and as `look_at`.
Result<Place> find_place(const courier::Courier& courier, std::optional<Offset> target,
                         const Patience& patience);

}  // namespace varve::reader
