#include "protocol/tail_listing.h"

#include <algorithm>

#include "base/mutant.h"

namespace varve::protocol {

namespace {
// A live writer may add pages while we list; more than this many says that we never catch up.
constexpr std::uint32_t max_pages = 64;
}  // namespace

Request TailListing::first() { return Request::make(Request::Kind::list, from_, page_limit); }

std::optional<Request> TailListing::next(const Reply& reply) {
  if (reply.error) {
    error_ = reply.error;
    return std::nullopt;
  }
  switch (stage_) {
    case Stage::first_page:
      if (reply.truncated && !reply.listed.empty()) {
        low_ = reply.listed.back().seq;
        stage_ = Stage::doubling;
        return probe(low_ + step_);
      }
      if (reply.listed.empty() && from_ > 0 &&
          !mutated(Mutant::hint_is_the_end)) {  // the hint is beyond the end: it was wrong
        from_ = 0;
        return first();
      }
      objects_ = reply.listed;
      return std::nullopt;
    case Stage::doubling:
      if (!reply.listed.empty()) {
        low_ = reply.listed.front().seq;
        step_ *= 2;
        if (low_ <= UINT64_MAX - step_) return probe(low_ + step_);
        high_ = UINT64_MAX;
      } else {
        high_ = low_ + step_;
      }
      stage_ = Stage::halving;
      return high_ - low_ > page_limit / 2 ? probe(low_ + (high_ - low_) / 2) : list_last_pages();
    case Stage::halving:
      if (reply.listed.empty()) {
        high_ = low_ + (high_ - low_) / 2;
      } else {
        low_ = reply.listed.front().seq;
      }
      // `low_` may have passed `high_` if the log grew meanwhile: that is the end, too.
      return high_ > low_ && high_ - low_ > page_limit / 2 ? probe(low_ + (high_ - low_) / 2)
                                                           : list_last_pages();
    case Stage::last_pages:
      objects_.insert(objects_.end(), reply.listed.begin(), reply.listed.end());
      if (!reply.truncated || reply.listed.empty()) return std::nullopt;
      if (++pages_ > max_pages) {
        error_ = Error(Code::unavailable, "the log grows faster than it can be listed; try again");
        return std::nullopt;
      }
      return Request::make(Request::Kind::list, objects_.back().seq + 1, page_limit);
  }
  return std::nullopt;
}

std::optional<Request> TailListing::list_last_pages() {
  stage_ = Stage::last_pages;
  // Everything that can lie beyond the newest chain object is within two windows of it.
  from_ = low_ - std::min(low_, Seq{2} * format::max_window);
  return first();
}

}  // namespace varve::protocol
