// Asking a program that serves its metrics (varve/exporter.h).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "varve/result.h"

namespace varve::cli {

/// What is at `/state` of `url`, as in "http://127.0.0.1:9464". Errors: `unavailable` (nobody answers there),
/// `invalid_argument` (not an exporter's answer).
Result<nlohmann::ordered_json> state_served_at(const std::string& url);

}  // namespace varve::cli
