// How long to wait before trying again.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "object_store/s3/moment.h"

namespace varve::object_store::s3 {

/// Full jitter: anything between nothing and a bound that doubles with every failure, so that
/// clients that failed together do not come back together.
/// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
/// `failures`: so far, at least 1. `random`: uniform in [0, 1).
inline Span backoff(std::uint32_t failures, bool throttled, double random) {
  using std::chrono::milliseconds;
  const milliseconds base = throttled ? milliseconds(250) : milliseconds(50);
  constexpr milliseconds longest{10'000};
  const std::uint32_t doublings = std::min<std::uint32_t>(failures > 0 ? failures - 1 : 0, 16);
  const Span bound = std::min<Span>(base * (std::int64_t{1} << doublings), longest);
  return std::chrono::duration_cast<Span>(bound * random);
}

}  // namespace varve::object_store::s3
