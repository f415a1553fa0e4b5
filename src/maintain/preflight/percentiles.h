// Percentiles of what was measured. Pure.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "varve/doctor.h"

namespace varve::preflight {

/// The smallest value that at least `percent` of all values do not exceed (nearest rank): one that
/// really occurred. `sorted` must not be empty.
[[nodiscard]] inline double percentile(const std::vector<double>& sorted, double percent) {
  const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

/// Fills in what `latencies_ms` of requests that took `elapsed_s` together say.
inline void summarize(std::vector<double> latencies_ms, double elapsed_s, LatencyReport& report) {
  if (latencies_ms.empty()) return;
  std::sort(latencies_ms.begin(), latencies_ms.end());
  report.requests = static_cast<std::uint32_t>(latencies_ms.size());
  report.p50_ms = percentile(latencies_ms, 50);
  report.p95_ms = percentile(latencies_ms, 95);
  report.p99_ms = percentile(latencies_ms, 99);
  report.max_ms = latencies_ms.back();
  report.requests_per_second = elapsed_s > 0 ? static_cast<double>(latencies_ms.size()) / elapsed_s : 0;
}

}  // namespace varve::preflight
