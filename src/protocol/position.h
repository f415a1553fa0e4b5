// The chain rule, one step of it: given what is expected at a place and what is found there, where
// the chain goes on. Readers, recovery and verification all walk by this and nothing else.
#pragma once

#include <cstdint>
#include <string>

#include "format/header.h"
#include "varve/result.h"

namespace varve::protocol {

/// A place in the chain and what the object there must be like.
struct Position {
  format::Id log_id;
  std::uint32_t window = 0;
  Seq seq = 0;
  Seq epoch = 0;      ///< the seal that the walk passed last
  Offset offset = 0;  ///< the next record's
  std::uint64_t previous_hash = 0;
  bool linked = true;  ///< `previous_hash` is known; false where a walk begins in the middle
  bool owned = true;   ///< DATA may follow: the last seal was not `ahead`, nor its epoch closed

  friend bool operator==(const Position&, const Position&) = default;
};

/// The place of `object` itself, taking its own word for it: where a walk begins. `object` must be
/// known to be on the chain, and not an `ahead` seal (which does not know its offset).
[[nodiscard]] Position position_of(const format::Header& object);

/// The place after `object`, which was found at `at`. `corruption` if it is not what `at` demands:
/// the message says in what.
Result<Position> step(const Position& at, const format::Header& object);

/// Who wrote it, for messages: "writer 0011aabb2233 (seal 128, epoch 128)".
[[nodiscard]] std::string describe(const format::Header& object);

}  // namespace varve::protocol
