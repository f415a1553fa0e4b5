#include "maintain/preflight/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace varve::preflight {
namespace {

constexpr double gib = 1 << 30;
constexpr double month_s = 30.0 * 86'400;

std::uint64_t power_of_two_from(double at_least, std::uint64_t least, std::uint64_t most) {
  if (!(at_least > static_cast<double>(least))) return least;
  if (at_least >= static_cast<double>(most)) return most;
  return std::bit_ceil(static_cast<std::uint64_t>(std::ceil(at_least)));
}

}  // namespace

Line line_of(std::span<const LatencyReport> reports) {
  std::uint64_t small = UINT64_MAX;
  std::uint64_t large = 0;
  for (const LatencyReport& report : reports) {
    if (report.request != "PUT" || report.requests == 0) continue;
    small = std::min(small, report.body_bytes);
    large = std::max(large, report.body_bytes);
  }
  Line line;
  double large_p50_ms = 0;
  for (const LatencyReport& report : reports) {
    if (report.request != "PUT" || report.requests == 0) continue;
    const auto bytes = static_cast<double>(report.body_bytes);
    line.total_bytes_per_second = std::max(line.total_bytes_per_second, bytes * report.requests_per_second);
    if (report.body_bytes == small) {
      line.requests_per_second = std::max(line.requests_per_second, report.requests_per_second);
    }
    if (report.in_flight != 1) continue;
    if (report.body_bytes == small) {
      line.request_p50_ms = report.p50_ms;
      line.request_p99_ms = report.p99_ms;
    }
    if (report.body_bytes == large) large_p50_ms = report.p50_ms;
  }
  // A large PUT is a small one and the time its bytes take.
  const double flowing_ms = large_p50_ms - line.request_p50_ms;
  if (large > small && flowing_ms > 0) {
    line.stream_bytes_per_second = static_cast<double>(large - small) / flowing_ms * 1000;
  } else {
    line.stream_bytes_per_second = line.total_bytes_per_second;
  }
  return line;
}

RecommendedSettings recommend(const Line& line, bool priced) {
  RecommendedSettings settings;

  // With four times what flows in the time of a bare request, an upload is a request for a fifth of
  // its time and bytes for the rest: larger ones gain little and hold more memory.
  const double flows_in_a_request = line.stream_bytes_per_second * line.request_p50_ms / 1000;
  settings.batch_bytes = static_cast<std::size_t>(
      power_of_two_from(4 * flows_in_a_request, std::uint64_t{1} << 20, std::uint64_t{32} << 20));
  const auto batch_bytes = static_cast<double>(settings.batch_bytes);
  settings.why_batch_bytes = fmt::format(
      "one upload moves {:.0f} MB/s after {:.1f} ms of request: then the request is a fifth of its time",
      line.stream_bytes_per_second / 1e6, line.request_p50_ms);

  // Little's law, N = X T: so many are under way when X a second each take T. T is the p99, because the
  // batches behind a slow one wait for it; twice that, because W is fixed when the log is made.
  const double flowing_s = line.stream_bytes_per_second > 0 ? batch_bytes / line.stream_bytes_per_second : 0;
  const double slow_s = line.request_p99_ms / 1000;
  const double full = line.total_bytes_per_second / batch_bytes * (slow_s + flowing_s);
  const double rate = priced ? priced_puts_per_second : line.requests_per_second;
  const double small = rate * slow_s;
  settings.window = static_cast<std::uint32_t>(power_of_two_from(2 * std::max(full, small), 16, 256));
  settings.why_window = fmt::format(
      "Little's law, N = X T, by the p99: {:.0f} MB/s keep {:.1f} full batches under way, {:.0f} small ones "
      "a "
      "second {:.1f}; twice that, as it is fixed for ever when the log is made",
      line.total_bytes_per_second / 1e6, full, rate, small);

  // A twentieth of what an upload takes anyway is not noticed; nor must the window fill up with batches
  // that are sent one linger apart.
  const double linger_ms = std::max(line.request_p50_ms / 20, line.request_p99_ms / settings.window);
  settings.linger_ms = static_cast<std::uint32_t>(std::min(std::round(linger_ms), 100.0));
  settings.why_linger = settings.linger_ms == 0 ? "uploads are so fast that waiting for company does not pay"
                                                : fmt::format(
                                                      "next to an upload's {:.1f} ms it is not noticed, and "
                                                      "the window lasts for a p99 of {:.1f} ms",
                                                      line.request_p50_ms, line.request_p99_ms);

  settings.puts_per_second = priced ? priced_puts_per_second : 0;
  settings.why_puts_per_second =
      priced ? fmt::format(
                   "each PUT costs; so many batches that are not full are {:.0f} million a month at most",
                   priced_puts_per_second * month_s / 1e6)
             : "no bound: PUTs cost nothing here";
  return settings;
}

MonthlyCost monthly_cost(const Traffic& traffic, const Prices& prices, const RecommendedSettings& settings) {
  MonthlyCost cost;
  const double records = traffic.records_per_second;
  if (records <= 0) return cost;  // an idle log sends nothing
  const double bytes = records * traffic.record_bytes;
  const double full = bytes / static_cast<double>(settings.batch_bytes);
  // A batch that is not full goes out a linger after its first record came.
  double lingering = 1 / (settings.linger_ms / 1000.0 + 1 / records);
  if (settings.puts_per_second > 0) lingering = std::min(lingering, settings.puts_per_second);
  cost.objects_per_second = std::min(records, std::max(full, lingering));
  const double objects = cost.objects_per_second * month_s;
  cost.puts = objects / 1000 * prices.put_per_1000;
  cost.gets = objects * traffic.readers / 1000 * prices.get_per_1000;
  cost.stored_gib = bytes * traffic.retained_days * 86'400 / gib;
  cost.storage = cost.stored_gib * prices.gib_month;
  return cost;
}

}  // namespace varve::preflight

namespace varve {

double price_of(const RequestTotals& requests, const Prices& prices) {
  return static_cast<double>(requests.puts + requests.lists) / 1000 * prices.put_per_1000 +
         static_cast<double>(requests.gets) / 1000 * prices.get_per_1000;
}

double price_of_keeping(std::uint64_t bytes, const Prices& prices) {
  return static_cast<double>(bytes) / preflight::gib * prices.gib_month;
}

}  // namespace varve
