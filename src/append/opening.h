// From options and an address to an owned log.
#pragma once

#include "log/log_store.h"
#include "protocol/takeover.h"
#include "varve/writer.h"

namespace varve::append {

/// `invalid_argument` naming the option that is out of its range.
Result<void> check(const WriterOptions& options);

/// Takes the log over. Blocks. Errors: as `Writer::open`.
Result<protocol::Ownership> take_over(const log::LogStore& log_store, const WriterOptions& options,
                                      log::Deadline deadline);
inline Result<protocol::Ownership> take_over(const log::LogStore& log_store, const WriterOptions& options) {
  return take_over(log_store, options, log::LogStore::after(options.open_timeout_ms));
}

}  // namespace varve::append
