#include "object_store/latency_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace varve::object_store {
namespace {

constexpr double z_of_p99 = 2.3263478740408408;
constexpr double z_of_p999 = 3.0902323061678132;
constexpr double z_limit = 4;

Error bad_param(std::string_view name, std::string_view why) {
  return {Code::invalid_argument, fmt::format("parameter '{}': {}", name, why)};
}

std::vector<std::string_view> split_at_commas(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

Result<std::optional<LatencyQuantiles>> parse_quantiles(const Uri& uri, const std::string& name) {
  const std::string* const value = uri.param(name);
  if (!value) return std::nullopt;
  std::vector<std::chrono::microseconds> latencies;
  for (const std::string_view part : split_at_commas(*value)) {
    const auto latency = parse_duration(part);
    if (!latency) return bad_param(name, latency.error().message());
    latencies.push_back(*latency);
  }
  if (latencies.size() != 3) {
    return bad_param(name, "three latencies are needed: p50, p99, p999, as in 100ms,195ms,274ms");
  }
  if (latencies[0].count() == 0 || !std::is_sorted(latencies.begin(), latencies.end())) {
    return bad_param(name, "the latencies p50, p99, p999 must be above zero and must not fall");
  }
  return LatencyQuantiles{.p50 = latencies[0], .p99 = latencies[1], .p999 = latencies[2]};
}

Result<void> parse_stall(const Uri& uri, LatencyProfile& profile) {
  const std::string* const value = uri.param("stall");
  if (!value) return {};
  const auto parts = split_at_commas(*value);
  if (parts.size() != 2) return bad_param("stall", "how often and how long are needed, as in 0.5%,2s");
  const auto probability = parse_percentage(parts[0]);
  if (!probability) return bad_param("stall", probability.error().message());
  const auto stall = parse_duration(parts[1]);
  if (!stall) return bad_param("stall", stall.error().message());
  profile.stall_probability = *probability;
  profile.stall = *stall;
  return {};
}

}  // namespace

std::chrono::microseconds LatencyQuantiles::at(double z) const {
  z = std::clamp(z, -z_limit, z_limit);
  const auto log_of = [](std::chrono::microseconds latency) {
    return std::log(static_cast<double>(latency.count()));
  };
  const double slope = z <= z_of_p99 ? (log_of(p99) - log_of(p50)) / z_of_p99
                                     : (log_of(p999) - log_of(p99)) / (z_of_p999 - z_of_p99);
  const double log_latency = log_of(p99) + slope * (z - z_of_p99);
  return std::chrono::microseconds(std::llround(std::exp(log_latency)));
}

Result<LatencyProfile> parse_latency_profile(const Uri& uri) {
  LatencyProfile profile;
  auto put = parse_quantiles(uri, "put");
  if (!put) return put.error();
  auto get = parse_quantiles(uri, "get");
  if (!get) return get.error();
  profile.put = *put;
  profile.get = *get;
  if (auto stall = parse_stall(uri, profile); !stall) return stall.error();
  if (const std::string* const value = uri.param("bandwidth")) {
    const auto bytes = parse_bytes(*value);
    if (!bytes) return bad_param("bandwidth", bytes.error().message());
    if (*bytes == 0) return bad_param("bandwidth", "nothing would ever arrive; leave it out for no bound");
    profile.bytes_per_second = *bytes;
  }
  if (const std::string* const value = uri.param("seed")) {
    const auto seed = parse_count(*value);
    if (!seed) return bad_param("seed", seed.error().message());
    profile.seed = *seed;
  }
  return profile;
}

}  // namespace varve::object_store
