// Carries the requests of a machine that lies between two logs to the store of each.
#pragma once

#include <functional>

#include "log/log_store.h"
#include "log/read_position.h"
#include "protocol/conversation.h"

namespace varve::replicate {

using OnReply = std::function<protocol::SidedRequests(const protocol::Reply&)>;

/// From `first` until the machine wants nothing more. Errors: as `LogStore::drive`.
Result<void> drive(const log::LogStore& source, const log::LogStore& destination,
                   protocol::SidedRequests first, const OnReply& on, const read::WaitLimit& patience);

/// One request, whose answer is waited for.
Result<protocol::Reply> ask(const log::LogStore& courier, protocol::Request request,
                            const read::WaitLimit& patience);

/// The header that lies at `seq`; nothing where nothing lies.
Result<std::optional<format::Header>> header_at(const log::LogStore& log, Seq seq,
                                                const read::WaitLimit& patience);

}  // namespace varve::replicate
