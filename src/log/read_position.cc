#include "log/read_position.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/locate.h"
#include "protocol/locate_time.h"

namespace varve::read {

using log::LogStore;
using protocol::LogState;
using protocol::Position;

namespace {

// A trim may delete what a search is about to look at; one that is outrun so often is not outrun.
constexpr int tries_max = 4;

// The start is nearly always in the lowest live object: one GET instead of a search, and one that
// damage further on does not disturb.
std::optional<Position> place_of_start(const LogStore& log_store, const LogState& view,
                                       const WaitLimit& patience) {
  std::optional<Position> place;
  const auto on = [&](const protocol::Reply& reply) {
    const Result<format::Header> header = protocol::header_in(reply);
    if (header && header->seq == reply.seq && header->log_id == view.tail.log_id &&
        !header->has(format::flag::ahead) && header->first_offset <= view.start_offset()) {
      place = protocol::position_of(*header);
    }
    return protocol::Requests();
  };
  const auto request = protocol::Request::make(protocol::Request::Kind::get_header, view.lowest_live());
  const Result<void> driven = log_store.drive({request}, on, patience.deadline, patience.stop);
  return driven ? place : std::nullopt;
}

/// The offset wanted, as far as the log's ends tell it.
Offset offset_of(const SeekTarget& wanted, const LogState& view) {
  const Offset start = view.start_offset();
  if (!wanted.last) return wanted.offset.value_or(start);
  return view.tail.offset - std::min(*wanted.last, view.tail.offset - start);
}

Result<ReadPosition> place_in(const LogStore& log_store, const LogState& view, const SeekTarget& wanted,
                              const WaitLimit& patience) {
  if (wanted.since_unix_ms) {
    protocol::LocateTime locate(view, *wanted.since_unix_ms);
    const Result<Position> at = log::run(log_store, locate, patience.deadline, patience.stop);
    if (!at) return at.error();
    return ReadPosition{view, *at, std::max(at->offset, view.start_offset())};
  }
  const Offset offset = offset_of(wanted, view);
  if (offset == view.start_offset() && offset != view.tail.offset) {
    if (const auto at = place_of_start(log_store, view, patience)) return ReadPosition{view, *at, offset};
  }
  protocol::Locate locate(view, offset);
  const Result<Position> at = log::run(log_store, locate, patience.deadline, patience.stop);
  if (!at) return at.error();
  return ReadPosition{view, *at, offset};
}

}  // namespace

std::string name_of(const LogAddress& log) { return log.store->describe() + "/" + log.path; }

Result<LogState> read_log_state(const LogStore& log_store, const WaitLimit& patience) {
  protocol::RecoveryScan scan({.want_history = true});
  Result<LogState> view = log::run(log_store, scan, patience.deadline, patience.stop);
  if (!view) return view.error().with_context(name_of(log_store.address()));
  if (!view->exists) {
    return Error(Code::not_found,
                 fmt::format("there is no log at {}; check the name", name_of(log_store.address())));
  }
  return view;
}

Result<std::optional<format::Checkpoint>> read_checkpoint(const LogStore& log_store,
                                                          const WaitLimit& patience) {
  for (std::uint32_t reads = 1;; ++reads) {
    protocol::Reply answer;
    const auto on = [&answer](const protocol::Reply& reply) {
      answer = reply;
      return protocol::Requests();
    };
    const auto driven = log_store.drive({protocol::Request::make(protocol::Request::Kind::get_checkpoint)},
                                        on, patience.deadline, patience.stop);
    if (!driven) return driven.error();
    if (answer.is(Code::not_found)) return std::optional<format::Checkpoint>();
    if (answer.error) return *answer.error;
    Result<format::Checkpoint> found = format::decode_checkpoint(answer.bytes);
    if (found) return std::optional(*std::move(found));
    if (reads == protocol::reads_max) return found.error();
  }
}

Result<ReadPosition> find_read_position(const LogStore& log_store, const SeekTarget& wanted,
                                        const WaitLimit& patience) {
  for (int tries = 1;; ++tries) {
    const Result<LogState> view = read_log_state(log_store, patience);
    if (!view) return view.error();
    Result<ReadPosition> place = place_in(log_store, *view, wanted, patience);
    if (place) return place;
    if (place.error().code() != Code::not_found)
      return place.error().with_context(name_of(log_store.address()));
    if (tries == tries_max) {
      return Error(
          Code::corruption,
          fmt::format("{}: an object of the log is missing: {}; run `varve verify` to see the extent",
                      name_of(log_store.address()), place.error().message()));
    }
  }
}

}  // namespace varve::read
