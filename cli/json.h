// A log's state as JSON: what several commands print with --json.
#pragma once

#include <nlohmann/json.hpp>

#include "varve/cursor.h"
#include "varve/inspect.h"

namespace varve::cli {

/// As the library says it, without the single objects: those are for who draws them.
[[nodiscard]] nlohmann::ordered_json json_of(const LogInfo& info);

/// Field names are those of `Cursor`.
[[nodiscard]] nlohmann::ordered_json json_of(const Cursor& cursor);
[[nodiscard]] nlohmann::ordered_json problem_json(const Error& problem);

/// Prints it, indented. Bytes that are not UTF-8 (names in a store may be anything) are replaced.
void print_json(const nlohmann::ordered_json& json);

}  // namespace varve::cli
