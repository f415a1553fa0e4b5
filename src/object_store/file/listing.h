// Listing the files under a directory as flat keys.
#pragma once

#include <cstdint>
#include <string>

#include "varve/store.h"

namespace varve::object_store {

/// One page of `Store::list` for the files under `root`. A page reads each directory it touches
/// whole: its time grows with the number of files there, its memory too.
Result<Listing> list_files(const std::string& root, const std::string& prefix, const std::string& after,
                           std::uint32_t limit);

}  // namespace varve::object_store
