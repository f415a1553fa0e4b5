#include "bench/standing.h"

#include <algorithm>
#include <cmath>

namespace varve::bench {

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

ReaderStatus reader_status(std::span<const double> mine, std::span<const std::vector<double>> others,
                           Better better) {
  ReaderStatus standing;
  for (std::size_t i = 1; i < others.size(); ++i) {
    const double more = median(others[i]) - median(others[standing.best]);
    if (better == Better::more ? more > 0 : more < 0) standing.best = i;
  }
  const std::vector<double>& best = others[standing.best];
  std::vector<double> ratios;
  std::vector<double> differences;
  for (std::size_t round = 0; round < mine.size(); ++round) {
    ratios.push_back(mine[round] / best[round]);
    if (round > 0) differences.push_back(std::abs(best[round] / best[round - 1] - 1));
  }
  standing.ratio = median(std::move(ratios));
  if (!differences.empty()) standing.noise = median(std::move(differences));
  return standing;
}

}  // namespace varve::bench
