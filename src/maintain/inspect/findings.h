// What a verification found, kept within a bound.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "varve/inspect.h"

namespace varve::maintain {

/// Whether an error tells of what is stored, and not of a store that could not be asked, nor of what a newer
/// program has stored.
[[nodiscard]] inline bool is_damage(const Error& error) {
  return error.code() == Code::corruption || error.code() == Code::foreign;
}

inline constexpr std::size_t findings_max = 10'000;

/// Worse findings push lesser ones out when there are too many.
class Findings {
 public:
  void add(Severity severity, std::string key, std::string what) {
    if (count_ == findings_max && !make_room(severity)) return;
    by_severity_.at(static_cast<std::size_t>(severity))
        .push_back({severity, std::move(key), std::move(what)});
    ++count_;
  }

  /// The worst first, each kind in the order found.
  [[nodiscard]] std::vector<Finding> take() {
    std::vector<Finding> all;
    all.reserve(count_);
    for (auto kind = by_severity_.rbegin(); kind != by_severity_.rend(); ++kind) {
      for (Finding& finding : *kind) all.push_back(std::move(finding));
      kind->clear();
    }
    count_ = 0;
    return all;
  }

  /// Some did not find room.
  [[nodiscard]] bool cut() const { return cut_; }

 private:
  bool make_room(Severity for_severity) {
    cut_ = true;
    for (std::size_t lesser = 0; lesser < static_cast<std::size_t>(for_severity); ++lesser) {
      if (by_severity_.at(lesser).empty()) continue;
      by_severity_.at(lesser).pop_back();
      --count_;
      return true;
    }
    return false;
  }

  std::array<std::vector<Finding>, 3> by_severity_;
  std::size_t count_ = 0;
  bool cut_ = false;
};

}  // namespace varve::maintain
