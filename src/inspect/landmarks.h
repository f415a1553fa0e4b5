// What a verification may take for certain about a log: where it lives, and up to where it was stored.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "chain/request.h"
#include "chain/survey.h"
#include "courier/courier.h"

namespace varve::inspect_log {

struct Landmarks {
  format::Id log_id;
  std::uint32_t window = 0;
  Offset start_offset = 0;
  Seq lowest_live = 0;
  Seq stored_below = 0;               ///< every chain object below was stored
  format::EpochHistory history;       ///< as far as it could be had
  std::optional<Error> survey_error;  ///< why an `open` would refuse the log; damage, if that is what it is
};

/// From a survey; if the log is too damaged for one, from the claims of its newest sound headers, of
/// which `newest` lists two windows' worth at least. Errors: `not_found`, if there is no log, or none of
/// these headers is sound; what kept it from looking.
Result<Landmarks> find_landmarks(const courier::Courier& courier,
                                 const std::vector<chain::ListedSeq>& newest);

}  // namespace varve::inspect_log
