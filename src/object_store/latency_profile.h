// How slow a pretended remote store is.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "object_store/uri.h"
#include "varve/result.h"

namespace varve::object_store {

/// Three points of a latency distribution, each at least the one before, all above zero.
///
/// Between them, and beyond, it is log-normal piece by piece: the logarithm of the latency is a
/// broken line over the standard normal variate z, through z = 0 (p50), 2.326 (p99) and 3.090
/// (p999), its first piece going on below p50 and its last above p999. So the three points are
/// hit exactly, and the tail may be heavier than any single log-normal that fits the middle.
struct LatencyQuantiles {
  std::chrono::microseconds p50{0};
  std::chrono::microseconds p99{0};
  std::chrono::microseconds p999{0};

  /// The latency at `z`, which is taken to lie within -4 and 4 (but for one in 16,000, it does).
  [[nodiscard]] std::chrono::microseconds at(double z) const;
};

struct LatencyProfile {
  std::optional<LatencyQuantiles> put = {};  ///< unset: none is added
  std::optional<LatencyQuantiles> get = {};  ///< also of LIST and DELETE
  double stall_probability = 0;
  std::chrono::microseconds stall{0};  ///< added with that probability
  std::uint64_t bytes_per_second = 0;  ///< shared by all requests, one after the other; 0: unbounded
  std::uint64_t seed = 1;
};

/// The profile in the parameters `put`, `get`, `stall`, `bandwidth` and `seed`; others are ignored.
Result<LatencyProfile> parse_latency_profile(const Uri& uri);

}  // namespace varve::object_store
