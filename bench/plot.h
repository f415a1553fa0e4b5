// A picture of latencies: SVG, for people to look at.
#pragma once

#include <string>
#include <vector>

#include "bench/histogram.h"

namespace varve::bench {

struct Curve {
  std::string name;
  Histogram micros;
};

/// Latency over percentile, both on logarithmic scales: 0, 90, 99, 99.9 % ... to the right, so that the
/// tail is as wide as the rest. Curves without values are left out.
[[nodiscard]] std::string latency_plot(const std::string& title, const std::vector<Curve>& curves);

}  // namespace varve::bench
