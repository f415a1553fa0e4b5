#include "exporter/families.h"

#include <limits>
#include <utility>

#include "exporter/old_names.h"

namespace varve::exporter {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

ClientMetric& Families::add(const std::string& name, const std::string& help, MetricType type,
                            const Labels& labels) {
  MetricFamily& family = families_[name];
  if (family.metric.empty()) {
    family.name = name;
    family.help = help;
    family.type = type;
  }
  family.metric.emplace_back().label = labels;
  return family.metric.back();
}

void Families::counter(const std::string& name, const std::string& help, double value, const Labels& labels) {
  add(name, help, MetricType::Counter, labels).counter.value = value;
}

void Families::gauge(const std::string& name, const std::string& help, double value, const Labels& labels) {
  add(name, help, MetricType::Gauge, labels).gauge.value = value;
}

void Families::histogram(const std::string& name, const std::string& help, const Histogram& values,
                         double per_unit, const Labels& labels) {
  ClientMetric::Histogram& histogram = add(name, help, MetricType::Histogram, labels).histogram;
  std::uint64_t below = 0;
  for (std::size_t range = 0; range < values.counts.size(); ++range) {
    below += values.counts[range];
    const double bound = range < values.upper_bounds.size()
                             ? static_cast<double>(values.upper_bounds[range]) / per_unit
                             : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({.cumulative_count = below, .upper_bound = bound});
  }
  histogram.sample_count = below;
  histogram.sample_sum = static_cast<double>(values.sum) / per_unit;
}

std::vector<MetricFamily> Families::take() {
  for (const auto& [now, before] : renamed_families()) {
    const auto found = families_.find(now);
    if (found == families_.end()) continue;
    MetricFamily copy = found->second;
    copy.name = before;
    families_.emplace(before, std::move(copy));
  }
  std::vector<MetricFamily> all;
  for (auto& [name, family] : families_) all.push_back(std::move(family));
  families_.clear();
  return all;
}

}  // namespace varve::exporter
