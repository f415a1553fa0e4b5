// What searches of the chain share: looking at a few objects at once.
#pragma once

#include "protocol/request.h"

namespace varve::protocol {

/// Round trips are dear and GETs cheap: nine-way search takes a third of the trips of halving.
inline constexpr std::uint64_t probes_at_once = 8;

/// So many objects that are lost are looked for around what is wanted before a search ends there.
inline constexpr std::size_t holes_max = 256;

/// The header of the DATA object that `reply` should have. Errors: `not_found` if it went away,
/// `corruption` if another object lies there.
[[nodiscard]] Result<format::Header> probed_header(const Reply& reply, const format::Id& log_id);

/// The object is gone or damaged: a search may go on beside it.
[[nodiscard]] bool is_lost(const Error& error);

}  // namespace varve::protocol
