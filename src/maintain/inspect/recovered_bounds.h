// What a verification may take for certain about a log: where it lives, and up to where it was stored.
#pragma once

#include <cstdint>
#include <optional>

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
  std::optional<Error> survey_error;  ///< why an `open` would refuse the log
  std::optional<Error> lost_end;      ///< likewise; only the checkpoint knows of it
};

/// As a scan tells. Errors: `not_found`, if there is no log; `corruption`, if none of its newest headers is
/// sound; `unsupported`; what kept it from looking.
Result<RecoveredBounds> find_landmarks(const log::LogStore& log_store);

}  // namespace varve::maintain
