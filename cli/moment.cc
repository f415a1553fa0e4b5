#include "cli/moment.h"

#include <charconv>
#include <ctime>
#include <string>

namespace varve::cli {
namespace {

std::optional<std::int64_t> milliseconds_in(char unit) {
  switch (unit) {
    case 's':
      return 1000;
    case 'm':
      return 60 * 1000;
    case 'h':
      return 3600 * 1000;
    case 'd':
      return 86'400 * 1000;
    default:
      return std::nullopt;
  }
}

std::optional<std::int64_t> parse_date(std::string text) {
  if (text.ends_with('Z')) text.pop_back();
  for (const char* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm utc{};
    const char* const end = strptime(text.c_str(), format, &utc);
    if (end == nullptr || *end != '\0') continue;
    const int day = utc.tm_mday;
    const std::time_t seconds = timegm(&utc);
    if (utc.tm_mday != day) return std::nullopt;  // February has no 31st: it would be a day in March
    return std::int64_t{seconds} * 1000;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_span_ms(std::string_view text) {
  constexpr std::int64_t most = 1'000'000'000;
  if (text.size() < 2) return std::nullopt;
  const auto unit = milliseconds_in(text.back());
  text.remove_suffix(1);
  std::int64_t count = 0;
  const auto [stopped, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (!unit || failure != std::errc() || stopped != text.data() + text.size()) return std::nullopt;
  if (count < 0 || count > most) return std::nullopt;
  return count * *unit;
}

std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_unix_ms) {
  if (const auto ago = parse_span_ms(text)) return now_unix_ms - *ago;
  return parse_date(std::string(text));
}

}  // namespace varve::cli
