#include "log/request.h"

#include "base/clock.h"
#include "base/thread.h"

namespace varve::log {

bool is_an_answer(const Error& error) { return protocol::is_an_answer(error); }

void rest(std::uint64_t pause_ms, Deadline deadline) {
  const auto pause = base::now() + std::chrono::milliseconds(pause_ms);
  base::sleep_until(std::min(pause, deadline));
}

}  // namespace varve::log
