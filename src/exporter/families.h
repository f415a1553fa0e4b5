// Metrics as Prometheus has them: families of numbers with labels.
#pragma once

#include <prometheus/metric_family.h>

#include <map>
#include <string>
#include <vector>

#include "varve/metrics.h"

namespace varve::exporter {

using Labels = std::vector<prometheus::ClientMetric::Label>;

/// Collects numbers; those of one name become one family. The first help text for a name counts.
class Families {
 public:
  void counter(const std::string& name, const std::string& help, double value, const Labels& labels);
  void gauge(const std::string& name, const std::string& help, double value, const Labels& labels);
  /// `per_unit`: how many of the values are one of the family, as 1e6 for microseconds in seconds.
  void histogram(const std::string& name, const std::string& help, const Histogram& values, double per_unit,
                 const Labels& labels);

  /// All of it, and the renamed families under their old names as well.
  [[nodiscard]] std::vector<prometheus::MetricFamily> take();

 private:
  prometheus::ClientMetric& add(const std::string& name, const std::string& help, prometheus::MetricType type,
                                const Labels& labels);

  std::map<std::string, prometheus::MetricFamily> families_;
};

}  // namespace varve::exporter
