// How long an inspection waits for the store before it says so.
#pragma once

#include <cstdint>

namespace varve::maintain {

/// For one step: what can be asked at once.
inline constexpr std::uint32_t step_give_up_ms = 60'000;

}  // namespace varve::maintain
