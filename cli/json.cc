#include "cli/json.h"

#include <fmt/format.h>

namespace varve::cli {

nlohmann::ordered_json to_json(const LogInfo& info) {
  auto epochs = nlohmann::ordered_json::array();
  for (const EpochInfo& epoch : info.epochs) {
    epochs.push_back({{"epoch", epoch.epoch},
                      {"first_offset", epoch.first_offset},
                      {"sealed_by", epoch.sealed_by},
                      {"sealed_unix_ms", epoch.sealed_unix_ms},
                      {"closed_cleanly", epoch.closed_cleanly}});
  }
  return {{"log_id", info.log_id},
          {"start_offset", info.start_offset},
          {"end_offset", info.end_offset},
          {"durable_offset", info.durable_offset},
          {"epoch", info.epoch},
          {"window", info.window},
          {"objects", info.objects},
          {"bytes", info.bytes},
          {"cut_objects", info.cut_objects},
          {"cut_bytes", info.cut_bytes},
          {"leftover_objects", info.leftover_objects},
          {"leftover_bytes", info.leftover_bytes},
          {"epochs", std::move(epochs)}};
}

nlohmann::ordered_json to_json(const Cursor& cursor) {
  return {{"name", cursor.name},
          {"offset", cursor.offset},
          {"moved_unix_ms", cursor.moved_unix_ms},
          {"revision", cursor.revision}};
}

void print_json(const nlohmann::ordered_json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace varve::cli
