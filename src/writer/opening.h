// From options and an address to an owned log.
#pragma once

#include "chain/takeover.h"
#include "courier/courier.h"
#include "varve/writer.h"

namespace varve::writer {

/// `invalid_argument` naming the option that is out of its range.
Result<void> check(const WriterOptions& options);

/// Takes the log over. Blocks. Errors: as `Writer::open`.
Result<chain::Ownership> take_over(const courier::Courier& courier, const WriterOptions& options,
                                   courier::Deadline deadline);
inline Result<chain::Ownership> take_over(const courier::Courier& courier, const WriterOptions& options) {
  return take_over(courier, options, courier::Courier::after(options.open_timeout_ms));
}

}  // namespace varve::writer
