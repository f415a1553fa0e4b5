#include <nlohmann/json.hpp>

#include "varve/mirror.h"

namespace varve {

std::string to_json(const MirrorStatus& status) {
  using Json = nlohmann::ordered_json;
  Json waiting = nullptr;
  if (status.waiting_for) {
    waiting = {{"code", to_string(status.waiting_for->code())}, {"message", status.waiting_for->message()}};
  }
  const Json json{{"copied_offset", status.copied_offset},
                  {"source_end", status.source_end},
                  {"source_seen_unix_ms", status.source_seen_unix_ms},
                  {"records_behind", status.records_behind},
                  {"bytes_behind", status.bytes_behind},
                  {"seconds_behind", status.seconds_behind},
                  {"records", status.records},
                  {"objects", status.objects},
                  {"object_bytes", status.object_bytes},
                  {"swept_objects", status.swept_objects},
                  {"held_bytes", status.held_bytes},
                  {"retries", status.retries},
                  {"waiting_for", std::move(waiting)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace varve
