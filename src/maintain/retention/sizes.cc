#include "maintain/retention/sizes.h"

#include <algorithm>

namespace varve::maintain {

using maintain::Slot;
using protocol::ListedSeq;
using protocol::Request;

// Calls `visit` with each live object of records, in order, until it returns false.
template <class Visit>
Result<void> Sizes::visit_below(Seq below, const Visit& visit) const {
  Seq next = view_.lowest_live();
  for (bool more = true; more;) {
    std::optional<Error> error;
    const auto on = [&](const protocol::Reply& page) {
      error = page.error;
      more = page.truncated && !page.listed.empty();
      for (const ListedSeq& object : page.listed) {
        next = object.seq + 1;
        if (object.seq >= below) more = false;
        const Slot slot = epochs_.slot(object.seq);
        if (object.seq >= below || slot == Slot::in_void || slot == Slot::seal) continue;
        if (!visit(object)) {
          more = false;
          break;
        }
      }
      return protocol::Requests();
    };
    const Result<void> driven =
        log_store_.drive({Request::make(Request::Kind::list, next, protocol::page_limit)}, on,
                         log::LogStore::after(give_up_ms_));
    if (!driven) return driven;
    if (error) return *error;
  }
  return {};
}

Result<Amount> Sizes::below(Seq below) const {
  Amount amount;
  const Result<void> visited = visit_below(below, [&](const ListedSeq& object) {
    ++amount.objects;
    amount.bytes += object.bytes;
    return true;
  });
  if (!visited) return visited.error();
  return amount;
}

// Twice over the listing rather than once with all of it in memory.
Result<std::optional<Seq>> Sizes::first_within(std::uint64_t max_bytes) const {
  const Result<Amount> all = below(view_.tail.seq);
  if (!all) return all.error();
  std::uint64_t left = all->bytes;
  std::optional<Seq> first;
  const Result<void> visited = visit_below(view_.tail.seq, [&](const ListedSeq& object) {
    // What was trimmed since the first time is not there any more.
    const std::uint64_t rest = left - std::min(left, object.bytes);
    if (rest < max_bytes) {
      first = object.seq;
      return false;
    }
    left = rest;
    return true;
  });
  if (!visited) return visited.error();
  return first;
}

}  // namespace varve::maintain
