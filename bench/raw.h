// The store alone: the same objects in the same number, and nobody who makes or reads records.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/figures.h"
#include "varve/store.h"

namespace varve::bench {

/// Creates an object of each size under `path`, `in_flight` at once.
Result<Figures> put_raw(const LogAddress& place, const std::vector<std::size_t>& object_bytes,
                        std::uint32_t in_flight);

/// Gets each key, `in_flight` at once.
Result<Figures> get_raw(Store& store, const std::vector<std::string>& keys, std::uint32_t in_flight);

}  // namespace varve::bench
