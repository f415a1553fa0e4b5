// A moment as people write it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace varve::cli {

/// "30s", "10m", "2h", "7d": so long before `now_unix_ms`. "2026-01-31", "2026-01-31T08:00",
/// "2026-01-31T08:00:05", each also with a "Z" behind: that time, in UTC. Nothing for anything else.
[[nodiscard]] std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_unix_ms);

/// "30s", "10m", "2h", "7d" in milliseconds. Nothing for anything else.
[[nodiscard]] std::optional<std::int64_t> parse_span_ms(std::string_view text);

}  // namespace varve::cli
