#include "append/watermark.h"

#include <fmt/format.h>

#include "log/deadline.h"

namespace varve::append {

using Clock = std::chrono::steady_clock;

Result<void> Watermark::wait(Offset offset, std::chrono::milliseconds timeout) const {
  const Clock::time_point deadline = log::deadline_after(timeout);
  std::unique_lock lock(mutex_);
  const auto settled = [&] { return durable_ >= offset || ending_; };
  if (deadline == Clock::time_point::max()) {
    moved_.wait(lock, settled);
  } else {
    moved_.wait_until(lock, deadline, settled);
  }
  if (durable_ >= offset) return {};
  if (ending_) return *ending_;
  return Error(Code::timed_out,
               fmt::format("offset {} is not durable after {} ms (durable: {}); the writer goes on, "
                           "wait again",
                           offset, timeout.count(), durable_))
      .with_outcome(WriteOutcome::unknown);
}

}  // namespace varve::append
