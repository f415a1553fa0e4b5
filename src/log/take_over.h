// Drives a takeover to its end.
#pragma once

#include <functional>

#include "log/log_store.h"
#include "protocol/takeover.h"

namespace varve::log {

/// Called with the requests that the takeover is about to make: what it returns is sent. An error ends the
/// takeover.
using BeforeSending = std::function<Result<protocol::Requests>(protocol::Requests)>;

/// Takes the log over. Blocks. Errors: those of `protocol::Takeover` and of `LogStore::drive`. However it
/// ends, its claim is removed, without waiting for that.
[[nodiscard]] Result<protocol::Ownership> take_over(const LogStore& log, protocol::Claimant claimant,
                                                    LogStore::Deadline deadline,
                                                    const BeforeSending& before_sending = {});

}  // namespace varve::log
