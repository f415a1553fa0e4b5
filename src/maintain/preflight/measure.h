// How long a store takes, by the clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "maintain/preflight/percentiles.h"
#include "object_store/probe/timed_store.h"
#include "varve/doctor.h"

namespace varve::preflight {

/// Requests of one kind, so many at once.
struct Load {
  std::string request;  ///< "PUT"
  std::uint64_t body_bytes = 0;
  std::uint32_t in_flight = 1;
  std::uint32_t requests_max = 1;
  std::chrono::milliseconds time_max{10'000};  ///< none is begun after that
};

/// Begins request number `index`; `done` is called once, with its error or none.
using Send = std::function<void(std::uint32_t index, std::function<void(Result<void>)> done)>;

/// Carries the load out and waits for its end. `go_on` as `Trial::go_on`. Errors: the first request's
/// that failed, after those begun have ended.
Result<LatencyReport> measure(const object_store::TimedStore& patient, const Load& load, const Send& send,
                              const std::function<Result<void>(double part)>& go_on);

}  // namespace varve::preflight
