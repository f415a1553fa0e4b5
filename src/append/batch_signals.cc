#include "append/batch_signals.h"

#include <chrono>

#include "base/clock.h"
#include "base/mutant.h"

namespace varve::append {

std::uint64_t steady_ms() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(base::now().time_since_epoch()).count());
}

void BatchSignals::first_record() noexcept {
  first_record_ms_.store(steady_ms(), std::memory_order_relaxed);
  events_->nudge();
}

void BatchSignals::batch_ready() noexcept {
  if (!mutated(Mutant::nudge_forgotten)) events_->nudge();
}

std::int64_t BatchSignals::now_unix_ms() noexcept { return base::unix_ms(); }

}  // namespace varve::append
