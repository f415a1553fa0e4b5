#include "cli/nearest.h"

#include <algorithm>
#include <cstddef>

namespace varve::cli {
namespace {

/// Levenshtein's distance, a row at a time.
std::size_t slips(const std::string& from, const std::string& to) {
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t j = 0; j <= to.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string> nearest(const std::string& typed, const std::vector<std::string>& words) {
  constexpr std::size_t longest_typed = 32;  // nobody mistypes more, and the work stays small
  if (typed.size() > longest_typed) return std::nullopt;
  std::optional<std::string> best;
  std::size_t fewest = std::min<std::size_t>(3, typed.size());
  for (const std::string& word : words) {
    const std::size_t found = slips(typed, word);
    if (found >= fewest) continue;
    fewest = found;
    best = word;
  }
  return best;
}

}  // namespace varve::cli
