// Listing the files under a directory as flat keys.
#pragma once

#include <cstdint>
#include <string>

#include "object_store/file/file_system.h"
#include "varve/store.h"

namespace varve::object_store {

/// One page of `Store::list` for the files under `root`. A page reads each directory it touches
/// whole: its time grows with the number of files there, its memory too. Names come in no order, and are
/// asked for their size later, so that each is reported as of a moment of its own.
Result<Listing> list_files(FileSystem& files, const std::string& root, const std::string& prefix,
                           const std::string& after, std::uint32_t limit);

}  // namespace varve::object_store
