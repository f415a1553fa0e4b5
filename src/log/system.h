// What is asked of the machine this runs on: the time, and names for oneself.
#pragma once

#include <cstdint>
#include <string>

#include "format/header.h"

namespace varve::log {

[[nodiscard]] std::int64_t unix_ms();
/// 128 random bits from the system.
[[nodiscard]] format::Id random_id();
[[nodiscard]] std::string host_name();
[[nodiscard]] std::uint64_t process_id();

}  // namespace varve::log
