#include "protocol/tail_watch.h"

namespace varve::protocol {

namespace {

// Whoever only follows asks for the next object again and again; now and then it also makes sure that this is
// where the log grows.
constexpr std::uint32_t polls_between_checks = 50;
constexpr std::uint64_t ms_between_checks = 10'000;
// But at a place that was judged the tail already, not before so many: a LIST costs twelve GETs.
constexpr std::uint32_t polls_trusted = 10;

}  // namespace

bool TailWatch::trusts(Seq place, std::uint64_t now_ms) const {
  if (polls_since_judged_ >= polls_between_checks || !judged_at_ms_) return false;
  return now_ms - *judged_at_ms_ < ms_between_checks ||
         (judged_tail_ == place && polls_since_judged_ < polls_trusted);
}

}  // namespace varve::protocol
