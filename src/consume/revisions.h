// What a listing of cursors' objects says: which revisions each cursor has.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "varve/store.h"

namespace varve::consume {

/// Of each cursor, ascending; never empty.
using Revisions = std::map<std::string, std::vector<std::uint64_t>, std::less<>>;

/// Adds what `page` lists. Keys that no cursor has are passed over.
void take(Revisions& revisions, const Listing& page, std::string_view log_path);

}  // namespace varve::consume
