#include "cli/json.h"

#include <fmt/format.h>

namespace varve::cli {

nlohmann::ordered_json json_of(const LogInfo& info) {
  auto json = nlohmann::ordered_json::parse(to_json(info));
  json.erase("newest");
  return json;
}

nlohmann::ordered_json json_of(const Cursor& cursor) {
  return {{"name", cursor.name},
          {"offset", cursor.offset},
          {"moved_unix_ms", cursor.moved_unix_ms},
          {"revision", cursor.revision}};
}

void print_json(const nlohmann::ordered_json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace varve::cli
