// What `varve top` shows: a log from outside, or a writer by its own numbers.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "varve/result.h"

namespace varve::cli {

/// What is seen at one moment: for people, and for programs.
struct View {
  std::string screen;
  nlohmann::ordered_json json;
};

/// Looks, each time it is called. What it shows a second comes from the look before.
using Viewer = std::function<Result<View>()>;

/// `uri`: of a log.
Result<Viewer> viewer_of_log(const std::string& uri);

/// `url`: where a writer serves its metrics, as in "http://127.0.0.1:9464".
Viewer viewer_of_writer(const std::string& url);

}  // namespace varve::cli
