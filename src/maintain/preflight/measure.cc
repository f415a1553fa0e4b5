#include "maintain/preflight/measure.h"

#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/condition.h"

namespace varve::preflight {
namespace {

using Clock = std::chrono::steady_clock;

double ms_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

/// What answers leave behind; they may outlive the measurement if it gives up on them.
struct Arrivals {
  std::mutex mutex;
  base::Condition came;
  std::vector<double> latencies_ms;
  std::uint32_t ended = 0;
  std::optional<Error> failed;

  void note(Clock::time_point begun, const Result<void>& result) {
    const Clock::time_point now = base::now();
    const std::lock_guard lock(mutex);
    ++ended;
    if (result) {
      latencies_ms.push_back(ms_between(begun, now));
    } else if (!failed) {
      failed = result.error();
    }
    came.notify_one();
  }

  /// Waits until at most `open_max` of `begun` requests are open; false if none ended for too long.
  bool wait(std::uint32_t begun, std::uint32_t open_max, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex);
    while (begun - ended > open_max) {
      const std::uint32_t before = ended;
      const auto some = [&] { return ended != before; };
      if (!came.wait_until(lock, base::now() + patience, some)) return false;
    }
    return true;
  }

  [[nodiscard]] std::optional<Error> failure() {
    const std::lock_guard lock(mutex);
    return failed;
  }
};

}  // namespace

Result<LatencyReport> measure(const object_store::TimedStore& patient, const Load& load, const Send& send,
                              const std::function<Result<void>(double part)>& go_on) {
  const auto arrivals = std::make_shared<Arrivals>();
  const Clock::time_point start = base::now();
  std::uint32_t begun = 0;
  std::optional<Error> stopped;
  while (begun < load.requests_max && base::now() - start < load.time_max && !arrivals->failure()) {
    const Clock::time_point begin = base::now();
    send(begun++, [arrivals, begin](const Result<void>& result) { arrivals->note(begin, result); });
    if (!arrivals->wait(begun, load.in_flight - 1, patient.patience())) return patient.too_slow();
    const double part = std::max(static_cast<double>(begun) / load.requests_max,
                                 ms_between(start, base::now()) / static_cast<double>(load.time_max.count()));
    if (auto more = go_on(std::min(part, 1.0)); !more) {
      stopped = more.error();
      break;
    }
  }
  if (!arrivals->wait(begun, 0, patient.patience())) return patient.too_slow();
  const double elapsed_s = ms_between(start, base::now()) / 1000;
  if (stopped) return *stopped;
  if (const auto failed = arrivals->failure()) return *failed;
  LatencyReport report{.request = load.request, .body_bytes = load.body_bytes, .in_flight = load.in_flight};
  const std::lock_guard lock(arrivals->mutex);
  summarize(arrivals->latencies_ms, elapsed_s, report);
  return report;
}

}  // namespace varve::preflight
