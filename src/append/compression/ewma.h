// An average in which the latest counts most.
#pragma once

namespace varve::append {

/// `weight`: of `now`, 0 to 1.
[[nodiscard]] constexpr double blend(double before, double now, double weight) {
  return before * (1 - weight) + now * weight;
}

}  // namespace varve::append
