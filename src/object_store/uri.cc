#include "object_store/uri.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

namespace varve::object_store {
namespace {

Error invalid(std::string message) { return {Code::invalid_argument, std::move(message)}; }

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<unsigned> hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (is_lower(c) && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

enum class BarePercent { is_wrong, before_comma_or_end };

/// `part` is what `text` is called in messages.
Result<std::string> percent_decode(std::string_view text, std::string_view part,
                                   BarePercent bare = BarePercent::is_wrong) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    const std::string_view rest = text.substr(at + 1);
    const bool is_bare = bare == BarePercent::before_comma_or_end && (rest.empty() || rest[0] == ',');
    if (c == '%' && !is_bare) {
      const auto high = rest.size() >= 2 ? hex_value(rest[0]) : std::nullopt;
      const auto low = rest.size() >= 2 ? hex_value(rest[1]) : std::nullopt;
      if (!high || !low) {
        return invalid(
            fmt::format("in the {} a '%' is not followed by two hex digits; write %25 for '%'", part));
      }
      c = static_cast<char>(*high * 16 + *low);
      at += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return invalid(fmt::format("the {} contains a control character", part));
    }
    decoded.push_back(c);
  }
  return decoded;
}

/// Removes and returns what stands before the first of `separators` in `text`; all, if none does.
std::string_view take_until(std::string_view& text, std::string_view separators) {
  const std::size_t end = std::min(text.find_first_of(separators), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end);
  return taken;
}

Result<std::string> parse_scheme(std::string_view text) {
  std::string scheme;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!is_lower(c) && !is_digit(c) && c != '+' && c != '-' && c != '.')
      return invalid("the scheme is not a name");
    scheme.push_back(c);
  }
  if (scheme.empty() || !is_lower(scheme.front())) return invalid("the scheme is not a name");
  return scheme;
}

Result<std::string> parse_path(std::string_view text) {
  if (text.empty()) return std::string();
  if (text.back() == '/') text.remove_suffix(1);
  auto path = percent_decode(text, "path");
  if (!path) return path;
  std::string_view rest = *path;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view element = take_until(rest, "/");
    if (element.empty()) return invalid("the path has an empty part ('//')");
    if (element == "." || element == "..")
      return invalid(fmt::format("the path is relative ('{}'); write it out", element));
  }
  return path;
}

Result<void> parse_params(std::string_view text, std::map<std::string, std::string>& params) {
  while (true) {
    std::string_view item = take_until(text, "&");
    auto name = percent_decode(take_until(item, "="), "parameters");
    if (!name) return name.error();
    if (name->empty())
      return invalid("a parameter has no name; parameters are written ?name=value&name=value");
    if (item.size() < 2) return invalid(fmt::format("the parameter '{}' has no value", *name));
    auto value = percent_decode(item.substr(1), fmt::format("parameter '{}'", *name),
                                BarePercent::before_comma_or_end);
    if (!value) return value.error();
    if (!params.emplace(*name, *std::move(value)).second) {
      return invalid(fmt::format("the parameter '{}' is given twice", *name));
    }
    if (text.empty()) return {};
    text.remove_prefix(1);
  }
}

struct Quantity {
  double number = 0;
  std::string_view unit;
};

/// A non-negative decimal number without sign or exponent, and what follows it.
std::optional<Quantity> parse_quantity(std::string_view text) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  Quantity quantity;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), quantity.number, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  quantity.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  return quantity;
}

}  // namespace

const std::string* Uri::param(const std::string& name) const {
  const auto found = params.find(name);
  return found == params.end() ? nullptr : &found->second;
}

Result<Uri> parse_uri(std::string_view text) {
  std::string_view rest = text;
  const std::size_t colon = rest.find("://");
  if (colon == std::string_view::npos) {
    return invalid("not a store's URI: it begins like file:///dir, mem://name or s3://bucket");
  }
  if (rest.find('#') != std::string_view::npos) return invalid("the URI contains a '#'; write %23");
  Uri uri;
  auto scheme = parse_scheme(rest.substr(0, colon));
  if (!scheme) return scheme.error();
  rest.remove_prefix(colon + 3);
  auto authority = percent_decode(take_until(rest, "/?"), "name after '://'");
  if (!authority) return authority.error();
  auto path = parse_path(take_until(rest, "?"));
  if (!path) return path.error();
  if (!rest.empty()) {
    rest.remove_prefix(1);
    if (auto parsed = parse_params(rest, uri.params); !parsed) return parsed.error();
  }
  uri.scheme = *std::move(scheme);
  uri.authority = *std::move(authority);
  uri.path = *std::move(path);
  return uri;
}

Result<void> expect_params(const Uri& uri, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : uri.params) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (known.size() == 0)
      return invalid(fmt::format("unknown parameter '{}': {}:// takes none", name, uri.scheme));
    return invalid(
        fmt::format("unknown parameter '{}': {}:// knows {}", name, uri.scheme, fmt::join(known, ", ")));
  }
  return {};
}

Result<std::chrono::microseconds> parse_duration(std::string_view text) {
  static constexpr double max_us = 86'400e6;
  static constexpr std::array<std::pair<std::string_view, double>, 3> units{
      {{"us", 1}, {"ms", 1e3}, {"s", 1e6}}};
  if (const auto quantity = parse_quantity(text)) {
    for (const auto& [unit, unit_us] : units) {
      const double us = std::round(quantity->number * unit_us);
      if (quantity->unit == unit && us <= max_us) return std::chrono::microseconds(std::llround(us));
    }
  }
  return invalid("not a duration: a number and us, ms or s, at most a day, as in 100ms");
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  static constexpr double max_bytes = 1e18;  // doubles still tell sizes apart well enough; u64 holds it
  static constexpr std::array<std::pair<std::string_view, double>, 10> units{
      {{"", 1},
       {"B", 1},
       {"KB", 1e3},
       {"MB", 1e6},
       {"GB", 1e9},
       {"TB", 1e12},
       {"KiB", 1024},
       {"MiB", 1024. * 1024},
       {"GiB", 1024. * 1024 * 1024},
       {"TiB", 1024. * 1024 * 1024 * 1024}}};
  if (const auto quantity = parse_quantity(text)) {
    for (const auto& [unit, unit_bytes] : units) {
      const double bytes = std::round(quantity->number * unit_bytes);
      if (quantity->unit == unit && bytes <= max_bytes) return static_cast<std::uint64_t>(bytes);
    }
  }
  return invalid("not a size: a number and KiB, MiB, GiB, TiB, KB, MB, GB, TB or nothing, as in 8MiB");
}

Result<double> parse_percentage(std::string_view text) {
  const auto quantity = parse_quantity(text);
  if (quantity && quantity->unit == "%" && quantity->number <= 100) return quantity->number / 100;
  return invalid("not a percentage from 0% to 100%, as in 0.5%");
}

Result<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (error == std::errc() && stop == end && !text.empty()) return count;
  return invalid("not a whole number");
}

}  // namespace varve::object_store
