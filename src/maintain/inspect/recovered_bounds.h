// What a verification may take for certain about a log: where it lives, and up to where it was stored.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "log/log_store.h"
#include "protocol/recovery_scan.h"
#include "protocol/request.h"

namespace varve::maintain {

struct RecoveredBounds {
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
Result<RecoveredBounds> find_landmarks(const log::LogStore& log_store,
                                       const std::vector<protocol::ListedSeq>& newest);

}  // namespace varve::maintain
