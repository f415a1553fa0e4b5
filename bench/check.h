// The proof that what a benchmark appended came back.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/load.h"
#include "varve/store.h"

namespace varve::bench {

/// Reads the whole log, and checks that it holds what the producers appended: each one's records
/// complete (`appended[producer]` of them), in its order, each with the right bytes. `corruption` says
/// what is wrong.
Result<void> check_log(const LogAddress& log, const RecordSizes& sizes,
                       const std::vector<std::uint64_t>& appended);

/// What plain objects under `prefix` hold together, by a listing. For baselines that store no log.
Result<std::uint64_t> stored_under(Store& store, const std::string& prefix);

}  // namespace varve::bench
