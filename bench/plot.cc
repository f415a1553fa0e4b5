#include "bench/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace varve::bench {

namespace {

constexpr double width = 760;
constexpr double height = 420;
constexpr double margin_left = 70;
constexpr double margin_right = 20;
constexpr double margin_top = 40;
constexpr double margin_bottom = 50;
constexpr double nines_max = 4;  // 99.99 %
constexpr std::array colours{"#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a"};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string time_text(double micros) {
  if (micros < 1000) return fmt::format("{:g} us", micros);
  if (micros < 1e6) return fmt::format("{:g} ms", micros / 1000);
  return fmt::format("{:g} s", micros / 1e6);
}

/// Where values are in the picture.
struct Scale {
  double decade_from;
  double decade_to;

  [[nodiscard]] static double x(double nines) {
    return margin_left + nines / nines_max * (width - margin_left - margin_right);
  }
  [[nodiscard]] double y(double micros) const {
    const double share = (std::log10(micros) - decade_from) / (decade_to - decade_from);
    return height - margin_bottom - std::clamp(share, 0.0, 1.0) * (height - margin_top - margin_bottom);
  }
};

Scale scale_for(const std::vector<Curve>& curves) {
  double least = 1e9;
  double most = 1;
  for (const Curve& curve : curves) {
    if (curve.micros.count() == 0) continue;
    least = std::min(least, std::max(1.0, static_cast<double>(curve.micros.percentile(0))));
    most = std::max(most, static_cast<double>(curve.micros.max()));
  }
  const double from = std::floor(std::log10(std::min(least, most)));
  return {from, std::max(from + 1, std::ceil(std::log10(most)))};
}

void draw_axes(std::string& svg, const Scale& scale) {
  auto out = std::back_inserter(svg);
  for (double decade = scale.decade_from; decade <= scale.decade_to; ++decade) {
    const double y = scale.y(std::pow(10, decade));
    fmt::format_to(out, R"(<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}" stroke="#d0d7de"/>)", margin_left,
                   width - margin_right, y, y);
    fmt::format_to(out, R"(<text x="{}" y="{:.1f}" text-anchor="end">{}</text>)", margin_left - 8, y + 4,
                   time_text(std::pow(10, decade)));
  }
  for (int nines = 0; nines <= static_cast<int>(nines_max); ++nines) {
    const double x = Scale::x(nines);
    fmt::format_to(out, R"(<line x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}" stroke="#d0d7de"/>)", x, x,
                   margin_top, height - margin_bottom);
    fmt::format_to(out, R"(<text x="{:.1f}" y="{}" text-anchor="middle">{:g} %</text>)", x,
                   height - margin_bottom + 20, 100 * (1 - std::pow(10, -nines)));
  }
}

void draw_curve(std::string& svg, const Scale& scale, const Curve& curve, const char* colour) {
  auto out = std::back_inserter(svg);
  // Beyond one value in all there is nothing to show.
  const double end = std::min(nines_max, std::log10(static_cast<double>(curve.micros.count())));
  fmt::format_to(out, R"(<polyline fill="none" stroke="{}" stroke-width="2" points=")", colour);
  for (double nines = 0; nines <= end + 1e-9; nines += 0.02) {
    const auto micros = static_cast<double>(curve.micros.percentile(1 - std::pow(10, -nines)));
    fmt::format_to(out, "{:.1f},{:.1f} ", Scale::x(nines), scale.y(std::max(1.0, micros)));
  }
  svg += R"("/>)";
}

}  // namespace

std::string latency_plot(const std::string& title, const std::vector<Curve>& curves) {
  std::string svg = fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" font-size="12">)"
      R"(<rect width="100%" height="100%" fill="white"/><text x="{}" y="22" font-size="15">{}</text>)",
      width, height, margin_left, escaped(title));
  const Scale scale = scale_for(curves);
  draw_axes(svg, scale);
  std::size_t drawn = 0;
  for (const Curve& curve : curves) {
    if (curve.micros.count() == 0) continue;
    const char* const colour = colours[drawn % colours.size()];
    draw_curve(svg, scale, curve, colour);
    fmt::format_to(std::back_inserter(svg), R"(<text x="{}" y="{}" fill="{}">{}</text>)", margin_left + 12,
                   margin_top + 16 + 16 * static_cast<double>(drawn), colour, escaped(curve.name));
    ++drawn;
  }
  fmt::format_to(
      std::back_inserter(svg),
      R"(<text x="{}" y="{}" text-anchor="middle">share of requests that took at most so long</text>)",
      margin_left + (width - margin_left - margin_right) / 2, height - 10);
  return svg + "</svg>\n";
}

}  // namespace varve::bench
