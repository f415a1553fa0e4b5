#include "protocol/position.h"

#include <fmt/format.h>

#include "base/mutant.h"

namespace varve::protocol {

using format::Header;
using format::Kind;

namespace {

Error broken(const Position& at, const Header& object, std::string_view what) {
  return {
      Code::corruption,
      fmt::format("object {} (offset {}) does not continue the log: {}; run `varve verify` to see the extent",
                  at.seq, at.offset, what) +
          (object.seq == at.seq ? "" : fmt::format(" (it calls itself {})", object.seq))};
}

}  // namespace

Position position_of(const Header& object) {
  return {.log_id = object.log_id,
          .window = object.window,
          .seq = object.seq,
          .epoch = object.epoch,
          .offset = object.first_offset,
          .previous_hash = object.previous_hash,
          .linked = true,
          .owned = true};
}

Result<Position> step(const Position& at, const Header& object) {
  if (object.seq != at.seq) return broken(at, object, "it was made for another place");
  if (object.log_id != at.log_id) {
    return Error(Code::foreign,
                 fmt::format("object {} belongs to another log ({})", at.seq, to_hex(object.log_id)));
  }
  if (object.window != at.window) return broken(at, object, "its window differs from the log's");

  Position next = at;
  next.linked = true;
  next.previous_hash = hash_of(object);
  const bool ahead = object.kind == Kind::seal && object.has(format::flag::ahead);
  if (!ahead) {
    if (object.first_offset != at.offset && !mutated(Mutant::offset_ignored)) {
      return broken(at, object, fmt::format("its first offset is {}", object.first_offset));
    }
    if (at.linked && object.previous_hash != at.previous_hash && !mutated(Mutant::link_ignored)) {
      return broken(at, object, "it was written after another object than the one before it");
    }
  }
  if (object.kind == Kind::seal) {
    next.seq = at.seq + (mutated(Mutant::no_void) ? 1 : at.window);
    next.epoch = object.seq;
    next.owned = !ahead;
    return next;
  }
  if (object.epoch != at.epoch && !mutated(Mutant::epoch_ignored)) {
    return broken(at, object, fmt::format("its epoch is {}, not {}", object.epoch, at.epoch));
  }
  if (!at.owned && !mutated(Mutant::closed_goes_on)) return broken(at, object, "its epoch had ended");
  next.seq = at.seq + 1;
  next.offset = object.end_offset();
  next.owned = !object.has(format::flag::closing);
  return next;
}

std::string describe(const Header& object) {
  return fmt::format("writer {} ({} {}, epoch {})", to_hex(object.writer_id).substr(0, 12),
                     object.kind == Kind::seal ? "seal" : "object", object.seq, object.epoch);
}

}  // namespace varve::protocol
