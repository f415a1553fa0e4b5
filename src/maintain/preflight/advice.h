// What measurements mean for a log: settings and cost. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "varve/doctor.h"

namespace varve::preflight {

/// What a writer's own bound on PUTs that are not full is where they cost money
/// (`WriterOptions::puts_per_second`).
inline constexpr double priced_puts_per_second = 100;

/// What decides about the settings.
struct Line {
  double request_p50_ms = 0;           ///< of a PUT with next to no body, alone
  double request_p99_ms = 0;           ///< likewise
  double requests_per_second = 0;      ///< of such PUTs, the most that was seen
  double stream_bytes_per_second = 0;  ///< of one PUT, once it flows
  double total_bytes_per_second = 0;   ///< of all PUTs at once, the most that was seen
};

/// From the PUTs among `reports`.
[[nodiscard]] Line line_of(std::span<const LatencyReport> reports);

/// `priced`: as `Store::requests_are_priced`.
[[nodiscard]] RecommendedSettings recommend(const Line& line, bool priced);

/// A month with a writer that has these settings.
[[nodiscard]] MonthlyCost monthly_cost(const Traffic& traffic, const Prices& prices,
                                       const RecommendedSettings& settings);

}  // namespace varve::preflight
