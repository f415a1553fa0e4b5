#include "object_store/s3/http.h"

#include <charconv>
#include <chrono>

namespace varve::object_store::s3 {
namespace {

/// All of `digits`, or -1.
int date_field(std::string_view digits) noexcept {
  int value = -1;
  const char* const end = digits.data() + digits.size();
  const auto [parsed, wrong] = std::from_chars(digits.data(), end, value);
  return wrong == std::errc() && parsed == end ? value : -1;
}

struct DateFields {
  int year = -1;
  int month = -1;
  int day = -1;
  int hour = -1;
  int minute = -1;
  int second = -1;
};

std::optional<std::int64_t> unix_s(const DateFields& fields) noexcept {
  const auto [year, month, day, hour, minute, second] = fields;
  if (month < 0 || day < 0 || year < 0 || hour < 0 || minute < 0 || second < 0) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const std::chrono::sys_seconds moment = std::chrono::sys_days(date) + std::chrono::hours(hour) +
                                          std::chrono::minutes(minute) + std::chrono::seconds(second);
  return moment.time_since_epoch().count();
}

}  // namespace

std::string_view to_string(Method method) noexcept {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::put:
      return "PUT";
    case Method::post:
      return "POST";
    case Method::del:
      return "DELETE";
  }
  return "?";
}

std::optional<std::int64_t> parse_http_date(std::string_view text) noexcept {
  constexpr std::string_view form = "ddd, 00 mmm 0000 00:00:00 GMT";
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != form.size() || !text.ends_with(" GMT") || text[19] != ':' || text[22] != ':')
    return std::nullopt;
  const std::size_t month = months.find(text.substr(8, 3));
  const int day = date_field(text.substr(5, 2));
  const int year = date_field(text.substr(12, 4));
  const int hour = date_field(text.substr(17, 2));
  const int minute = date_field(text.substr(20, 2));
  const int second = date_field(text.substr(23, 2));
  if (month % 3 != 0) return std::nullopt;
  return unix_s({.year = year,
                 .month = static_cast<int>(month / 3 + 1),
                 .day = day,
                 .hour = hour,
                 .minute = minute,
                 .second = second});
}

std::optional<std::int64_t> parse_iso_date(std::string_view text) noexcept {
  constexpr std::string_view form = "0000-00-00T00:00:00";
  if (text.size() <= form.size() || !text.ends_with('Z')) return std::nullopt;
  for (const std::size_t at : {4, 7, 10, 13, 16}) {
    if (text[at] != form[at]) return std::nullopt;
  }
  const std::string_view fraction = text.substr(form.size(), text.size() - form.size() - 1);
  if (!fraction.empty() &&
      (fraction[0] != '.' || fraction.find_first_not_of("0123456789", 1) != fraction.npos)) {
    return std::nullopt;
  }
  return unix_s({.year = date_field(text.substr(0, 4)),
                 .month = date_field(text.substr(5, 2)),
                 .day = date_field(text.substr(8, 2)),
                 .hour = date_field(text.substr(11, 2)),
                 .minute = date_field(text.substr(14, 2)),
                 .second = date_field(text.substr(17, 2))});
}

}  // namespace varve::object_store::s3
