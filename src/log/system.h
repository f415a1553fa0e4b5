// What is asked of the machine this runs on: names for oneself.
#pragma once

#include <cstdint>
#include <string>

#include "format/header.h"

namespace varve::log {

/// 128 random bits from the system.
[[nodiscard]] format::Id random_id();
[[nodiscard]] std::string host_name();
[[nodiscard]] std::uint64_t process_id();

}  // namespace varve::log
