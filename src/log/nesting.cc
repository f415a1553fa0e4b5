#include "log/nesting.h"

#include <fmt/format.h>

#include "base/mutant.h"
#include "format/families.h"
#include "object_store/seen_from_outside.h"

namespace varve::log {

namespace {

Result<bool> has_objects(const LogStore& log, Deadline deadline) {
  bool any = false;
  std::optional<Error> error;
  const auto on = [&](const protocol::Reply& page) {
    error = page.error;
    any = !page.listed.empty();
    return protocol::Requests();
  };
  const Result<void> driven =
      log.drive({protocol::Request::make(protocol::Request::Kind::list, 0, 1)}, on, deadline);
  if (!driven) return driven.error();
  if (error) return *error;
  return any;
}

}  // namespace

Result<void> check_nesting(const LogStore& place, Deadline deadline) {
  const std::string& path = place.address().path;
  const auto refuse_if_log = [&](const LogAddress& other) -> Result<void> {
    const LogStore log(other);
    const Result<bool> there = has_objects(log, deadline);
    // Who may not look there has no log there.
    if (!there && there.error().code() == Code::denied) return {};
    if (!there) return there.error();
    if (!*there || mutated(Mutant::nested_log_made)) return {};
    return Error(
        Code::invalid_argument,
        fmt::format(
            "there is a log at {}, and the objects of one at {} would lie among its own, or the other "
            "way round; choose another path",
            log.name_of_log(), place.name_of_log()));
  };
  const LogAddress outside = object_store::seen_from_outside(place.address());
  for (std::string& other : format::enclosing_paths(outside.path)) {
    const Result<void> free = refuse_if_log({.store = outside.store, .path = std::move(other)});
    if (!free) return free;
  }
  for (std::string& other : format::enclosed_paths(path)) {
    const Result<void> free = refuse_if_log({.store = place.address().store, .path = std::move(other)});
    if (!free) return free;
  }
  return {};
}

}  // namespace varve::log
