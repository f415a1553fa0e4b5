// A request on its way from an actor to the store.
#pragma once

#include <cstdint>

#include "protocol/request.h"

namespace varve::sim {

struct Call {
  /// What the actor wants the reply for.
  enum class Purpose : std::uint8_t {
    takeover,
    put,
    look,
    checkpoint,
    scan,
    locate,
    sweep,
    drop,
    read,
    ask,
    trim
  };
  Purpose purpose = Purpose::takeover;
  protocol::Request request;
  std::uint64_t round =
      0;               ///< replies to an earlier round of the same purpose are late; of a trim, the ticket
  bool there = false;  ///< to the store that is mirrored to
};

/// What a courier would not try again for.
[[nodiscard]] inline bool is_an_answer(const protocol::Reply& reply) {
  if (!reply.error) return true;
  const Code code = reply.error->code();
  return code != Code::unavailable && code != Code::timed_out;
}

}  // namespace varve::sim
