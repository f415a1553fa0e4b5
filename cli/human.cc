#include "cli/human.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <ctime>

namespace varve::cli {

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t digits = 3; text.size() > digits; digits += 4) text.insert(text.size() - digits, 1, ',');
  return text;
}

std::string counted(std::uint64_t number, const char* singular) {
  return fmt::format("{} {}{}", with_commas(number), singular, number == 1 ? "" : "s");
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double amount = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < units.size(); ++unit) amount /= 1024;
  return fmt::format("{:.1f} {}", amount, units.at(unit));
}

std::string human_rate(std::uint64_t bytes, double seconds) {
  static constexpr std::array units{"B/s", "KB/s", "MB/s", "GB/s"};
  if (seconds <= 0) return "-";
  double rate = static_cast<double>(bytes) / seconds;
  std::size_t unit = 0;
  for (; rate >= 1000 && unit + 1 < units.size(); ++unit) rate /= 1000;
  return fmt::format("{:.1f} {}", rate, units.at(unit));
}

std::string human_seconds(double seconds) {
  if (seconds < 10) return fmt::format("{:.2f} s", seconds);
  if (seconds < 60) return fmt::format("{:.0f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(seconds);
  return fmt::format("{} min {} s", whole / 60, whole % 60);
}

std::string human_time(std::int64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm utc{};
  if (gmtime_r(&seconds, &utc) == nullptr) return fmt::format("{} ms after 1970", unix_ms);
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", utc);
}

std::string human_range(OffsetRange range) {
  if (range.begin >= range.end) return "no offsets";
  if (range.end - range.begin == 1) return fmt::format("offset {}", with_commas(range.begin));
  return fmt::format("offsets {} to {}", with_commas(range.begin), with_commas(range.end - 1));
}

}  // namespace varve::cli
