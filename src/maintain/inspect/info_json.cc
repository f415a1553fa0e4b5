#include <nlohmann/json.hpp>
#include <utility>

#include "varve/inspect.h"

namespace varve {

std::string to_json(const LogInfo& info) {
  using Json = nlohmann::ordered_json;
  Json epochs = Json::array();
  for (const EpochInfo& epoch : info.epochs) {
    epochs.push_back({{"epoch", epoch.epoch},
                      {"first_offset", epoch.first_offset},
                      {"sealed_by", epoch.sealed_by},
                      {"sealed_unix_ms", epoch.sealed_unix_ms},
                      {"closed_cleanly", epoch.closed_cleanly}});
  }
  Json newest = Json::array();
  for (const PlacedObject& object : info.newest) {
    newest.push_back({{"seq", object.seq}, {"bytes", object.bytes}, {"role", to_string(object.role)}});
  }
  Json mirror;
  if (info.mirror) {
    mirror = {{"source", info.mirror->source},
              {"source_end", info.mirror->source_end},
              {"source_seen_unix_ms", info.mirror->source_seen_unix_ms},
              {"keep_trimmed", info.mirror->keep_trimmed}};
  }
  Json damage = nullptr;
  if (info.damage) damage = info.damage->message();
  const Json json{{"log_id", info.log_id},
                  {"start_offset", info.start_offset},
                  {"end_offset", info.end_offset},
                  {"durable_offset", info.durable_offset},
                  {"epoch", info.epoch},
                  {"window", info.window},
                  {"objects", info.objects},
                  {"bytes", info.bytes},
                  {"truncated_objects", info.truncated_objects},
                  {"truncated_bytes", info.truncated_bytes},
                  {"garbage_objects", info.garbage_objects},
                  {"garbage_bytes", info.garbage_bytes},
                  {"lowest_live", info.lowest_live},
                  {"tail", info.tail},
                  {"mirror", std::move(mirror)},
                  {"demoted", info.demoted},
                  {"cut_objects", info.truncated_objects},     // old spelling
                  {"cut_bytes", info.truncated_bytes},         // old spelling
                  {"leftover_objects", info.garbage_objects},  // old spelling
                  {"leftover_bytes", info.garbage_bytes},      // old spelling
                  {"retired", info.demoted},                   // old spelling
                  {"epochs", std::move(epochs)},
                  {"newest", std::move(newest)},
                  {"damage", std::move(damage)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace varve
