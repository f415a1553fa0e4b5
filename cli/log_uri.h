// The LOG argument.
#pragma once

#include <string>
#include <string_view>

#include "varve/store.h"

namespace varve::cli {

/// As `varve::resolve`; says which argument it was, and for a path how it would be written as a URI.
Result<LogAddress> resolve_log(const std::string& text);

/// The place in the store of the object with this place in the log (docs/format.md).
[[nodiscard]] std::string object_key(std::string_view log_path, std::uint64_t seq);

}  // namespace varve::cli
