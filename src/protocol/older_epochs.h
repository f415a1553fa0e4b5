// The history of epochs in a seal is limited; that of the oldest seal in it leads further back.
#pragma once

#include <optional>

#include "format/epochs.h"
#include "protocol/request.h"

namespace varve::protocol {

/// Puts before `history` what its oldest seal knows, whose object `reply` has. Errors: what keeps it
/// from that.
[[nodiscard]] std::optional<Error> prepend_older_epochs(format::EpochHistory& history, const Reply& reply);

}  // namespace varve::protocol
