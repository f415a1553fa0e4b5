#include "cli/json.h"

#include <fmt/format.h>

namespace varve::cli {

nlohmann::ordered_json json_of(const LogInfo& info) {
  auto json = nlohmann::ordered_json::parse(to_json(info));
  json.erase("newest");
  return json;
}

nlohmann::ordered_json json_of(const Cursor& cursor) {
  nlohmann::ordered_json json{{"name", cursor.name},
                              {"offset", cursor.offset},
                              {"moved_unix_ms", cursor.moved_unix_ms},
                              {"revision", cursor.revision}};
  if (!cursor.readable) json["offset"] = json["moved_unix_ms"] = nullptr;
  if (cursor.problem) json["problem"] = problem_json(*cursor.problem);
  return json;
}

nlohmann::ordered_json problem_json(const Error& problem) {
  return {{"code", to_string(problem.code())}, {"message", problem.message()}};
}

void print_json(const nlohmann::ordered_json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace varve::cli
