#include <algorithm>

#include "bench/figures.h"

namespace varve::bench {

namespace {

std::uint64_t micros(Clock::duration time) {
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

}  // namespace

void add_order_bound(Figures& figures) {
  std::vector<Upload> objects = figures.uploads;
  std::erase_if(objects, [](const Upload& upload) { return upload.end_offset == 0; });
  std::ranges::sort(objects, {}, &Upload::end_offset);
  // From here on `ended` is when the object and all before it were stored.
  for (std::size_t i = 1; i < objects.size(); ++i) {
    objects[i].ended = std::max(objects[i].ended, objects[i - 1].ended);
  }
  for (const TimedAppend& append : figures.timed) {
    const auto its = std::ranges::upper_bound(objects, append.offset, {}, &Upload::end_offset);
    if (its == objects.end()) continue;
    figures.order_bound_us.add(micros(its->ended - append.began));
    figures.behind_bound_us.add(micros(append.acknowledged - its->ended));
  }
}

}  // namespace varve::bench
