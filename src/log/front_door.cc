#include "log/front_door.h"

namespace varve::log {

Result<void> check_store(const LogAddress& log) {
  if (log.store) return {};
  return Error(Code::invalid_argument, "the log's address has no store: fill it in, or ask `resolve` for it");
}

}  // namespace varve::log
