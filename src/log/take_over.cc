#include "log/take_over.h"

#include <optional>
#include <utility>

#include "base/clock.h"

namespace varve::log {

Result<protocol::Ownership> take_over(const LogStore& log, protocol::Claimant claimant,
                                      LogStore::Deadline deadline, const BeforeSending& before_sending) {
  protocol::Takeover takeover(std::move(claimant));
  std::optional<Error> refused;
  const auto on = [&](const protocol::Reply& reply) -> protocol::Requests {
    protocol::Requests requests = takeover.on(reply, base::unix_ms());
    if (refused) return {};
    if (!before_sending) return requests;
    Result<protocol::Requests> allowed = before_sending(std::move(requests));
    if (allowed) return *std::move(allowed);
    refused = allowed.error();
    return {};
  };
  const Result<void> driven = log.drive(takeover.start(base::unix_ms()), on, deadline);
  if (!takeover.done()) {
    for (protocol::Request& request : takeover.release_claim()) {
      log.send(std::move(request), [](const protocol::Reply&) {});
    }
  }
  if (refused) return *refused;
  if (!driven) return driven.error();
  return takeover.result();
}

}  // namespace varve::log
