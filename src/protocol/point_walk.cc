#include "protocol/point_walk.h"

#include <utility>

#include "base/mutant.h"

namespace varve::protocol {

Requests PointWalk::begin(Seek machine) {
  seeking_.emplace(std::move(machine));
  return seeking_->start();
}

Requests PointWalk::start_in(LogState state, std::vector<format::Header> known) {
  Seek machine(SeekTarget{.offset = offset_, .exact = true}, mark_of(state.newest_owned));
  machine.search_in(std::move(state), true);
  machine.know(std::move(known));
  return begin(std::move(machine));
}

Requests PointWalk::start(const ChainMark& mark) {
  return begin(Seek(SeekTarget{.offset = offset_, .exact = true}, mark));
}

Requests PointWalk::on(const Reply& reply) { return seeking_->on(reply); }

bool PointWalk::may_pass(const Error& error) {
  const Code code = error.code();
  const bool damage = code == Code::not_found || code == Code::corruption || code == Code::foreign;
  if (!damage) return false;
  if (code == Code::not_found && mutated(Mutant::trim_seems_damage)) return false;
  if (code != Code::not_found && mutated(Mutant::cache_believed)) return false;
  // Found in a state that was seen earlier, or known from before: that says nothing of the log as it is.
  const bool outdated = !seeking_ || (*seeking_)->looks() == 0;
  return outdated || ++fresh_looks_ < looks_before_damage;
}

}  // namespace varve::protocol
