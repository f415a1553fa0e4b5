// The history of epochs in a seal is limited; that of the oldest seal in it leads further back.
#pragma once

#include <optional>

#include "format/epochs.h"
#include "protocol/request.h"

namespace varve::protocol {

/// The oldest seal of `history` (not empty) that lists the epochs before it: an `ahead` seal does not.
[[nodiscard]] Seq oldest_that_knows(const format::EpochHistory& history);

/// Puts before `history` what its seal knows whose object `reply` has. Errors: the seal cannot be read, or
/// knows of no older epoch.
[[nodiscard]] std::optional<Error> prepend_older_epochs(format::EpochHistory& history, const Reply& reply);

}  // namespace varve::protocol
