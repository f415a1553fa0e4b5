#include "reader/place.h"

#include <fmt/format.h>

#include <algorithm>

#include "chain/locate.h"
#include "chain/locate_time.h"

namespace varve::reader {

using chain::Position;
using chain::TailView;
using courier::Courier;

namespace {

// A trim may delete what a search is about to look at; one that is outrun so often is not outrun.
constexpr int tries_max = 4;

// The start is nearly always in the lowest live object: one GET instead of a search, and one that
// damage further on does not disturb.
std::optional<Position> place_of_start(const Courier& courier, const TailView& view,
                                       const Patience& patience) {
  std::optional<Position> place;
  const auto on = [&](const chain::Reply& reply) {
    const Result<format::Header> header = chain::header_in(reply);
    if (header && header->seq == reply.seq && header->log_id == view.tail.log_id &&
        !header->has(format::flag::ahead) && header->first_offset <= view.start_offset()) {
      place = chain::position_of(*header);
    }
    return chain::Requests();
  };
  const auto request = chain::Request::make(chain::Request::Kind::get_header, view.lowest_live());
  const Result<void> driven = courier.drive({request}, on, patience.deadline, patience.stop);
  return driven ? place : std::nullopt;
}

/// The offset wanted, as far as the log's ends tell it.
Offset offset_of(const Wanted& wanted, const TailView& view) {
  const Offset start = view.start_offset();
  if (!wanted.last) return wanted.offset.value_or(start);
  return view.tail.offset - std::min(*wanted.last, view.tail.offset - start);
}

Result<Place> place_in(const Courier& courier, const TailView& view, const Wanted& wanted,
                       const Patience& patience) {
  if (wanted.since_unix_ms) {
    chain::LocateTime locate(view, *wanted.since_unix_ms);
    const Result<Position> at = courier::run(courier, locate, patience.deadline, patience.stop);
    if (!at) return at.error();
    return Place{view, *at, std::max(at->offset, view.start_offset())};
  }
  const Offset offset = offset_of(wanted, view);
  if (offset == view.start_offset() && offset != view.tail.offset) {
    if (const auto at = place_of_start(courier, view, patience)) return Place{view, *at, offset};
  }
  chain::Locate locate(view, offset);
  const Result<Position> at = courier::run(courier, locate, patience.deadline, patience.stop);
  if (!at) return at.error();
  return Place{view, *at, offset};
}

}  // namespace

std::string name_of(const LogAddress& log) { return log.store->describe() + "/" + log.path; }

Result<TailView> look_at(const Courier& courier, const Patience& patience) {
  chain::Survey survey({.want_history = true});
  Result<TailView> view = courier::run(courier, survey, patience.deadline, patience.stop);
  if (!view) return view.error().with_context(name_of(courier.address()));
  if (!view->exists) {
    return Error(Code::not_found,
                 fmt::format("there is no log at {}; check the name", name_of(courier.address())));
  }
  return view;
}

Result<Place> find_place(const Courier& courier, const Wanted& wanted, const Patience& patience) {
  for (int tries = 1;; ++tries) {
    const Result<TailView> view = look_at(courier, patience);
    if (!view) return view.error();
    Result<Place> place = place_in(courier, *view, wanted, patience);
    if (place) return place;
    if (place.error().code() != Code::not_found)
      return place.error().with_context(name_of(courier.address()));
    if (tries == tries_max) {
      return Error(
          Code::corruption,
          fmt::format("{}: an object of the log is missing: {}; run `varve verify` to see the extent",
                      name_of(courier.address()), place.error().message()));
    }
  }
}

}  // namespace varve::reader
