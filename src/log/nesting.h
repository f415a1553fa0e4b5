// Refuses to make a log among the objects of another one.
#pragma once

#include "log/log_store.h"

namespace varve::log {

/// Whether a log may be made at this place: `invalid_argument` if its objects would lie among another log's
/// own, or another log's among them, so that the names of the one could be taken for the other's. Blocks; a
/// LIST for each family of objects. Errors: what kept it from looking.
Result<void> check_nesting(const LogStore& place, Deadline deadline);

}  // namespace varve::log
