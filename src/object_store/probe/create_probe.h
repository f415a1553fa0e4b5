// The quick form of the doctor, for whoever is about to create a log.
#pragma once

#include <chrono>
#include <string>

#include "varve/result.h"
#include "varve/store.h"

namespace varve::object_store {

/// Proves with one scratch object under `prefix + ".varve-doctor/"` that the store refuses to create
/// what exists: two creates, a get, a delete. Blocks; a store that does not answer properly is asked
/// again until `deadline`. That the object can be removed is not asked for: a log that is never
/// trimmed needs no permission to delete.
/// Errors: `unsupported` (the store ignores the condition: no log may live there), the store's own.
Result<void> prove_create_if_absent(Store& store, const std::string& prefix,
                                    std::chrono::steady_clock::time_point deadline);

}  // namespace varve::object_store
