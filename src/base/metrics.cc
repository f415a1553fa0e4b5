#include "varve/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace varve {

std::uint64_t Histogram::count() const noexcept {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

double Histogram::mean() const noexcept {
  const std::uint64_t all = count();
  return all == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(all);
}

double Histogram::quantile(double part) const noexcept {
  const auto all = static_cast<double>(count());
  if (all == 0) return 0;
  const double wanted = std::clamp(part, 0.0, 1.0) * all;
  double below = 0;
  double lower = 0;
  for (std::size_t range = 0; range < upper_bounds.size(); ++range) {
    const auto upper = static_cast<double>(upper_bounds[range]);
    const auto inside = static_cast<double>(counts[range]);
    if (inside > 0 && below + inside >= wanted)
      return lower + (upper - lower) * std::max(wanted - below, 0.0) / inside;
    below += inside;
    lower = upper;
  }
  return lower;
}

std::uint64_t RequestMetrics::failed() const noexcept {
  std::uint64_t failed = std::accumulate(errors.begin(), errors.end(), std::uint64_t{0});
  for (const Code answer : {Code::not_found, Code::already_exists})
    failed -= errors[static_cast<std::size_t>(answer)];
  return failed;
}

RequestTotals StoreRequests::totals() const noexcept {
  return {.puts = put.asked, .gets = get.asked, .lists = list.asked, .deletes = remove.asked};
}

}  // namespace varve
