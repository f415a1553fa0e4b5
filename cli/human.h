// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

#include "varve/result.h"

namespace varve::cli {

/// "1,234,567".
[[nodiscard]] std::string with_commas(std::uint64_t number);

/// "1 record", "2,000 records".
[[nodiscard]] std::string counted(std::uint64_t number, const char* singular);

/// "512 B", "1.5 KiB", "8.0 MiB".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

/// "85.2 MB/s", by thousands; "-" for no time at all.
[[nodiscard]] std::string human_rate(std::uint64_t bytes, double seconds);

/// "0.31 s", "12 s", "3 min 20 s".
[[nodiscard]] std::string human_seconds(double seconds);

/// "2026-11-22 17:10:05 UTC".
[[nodiscard]] std::string human_time(std::int64_t unix_ms);

/// "offsets 0 to 41", "offset 7", "no offsets": the last one included, as people count.
[[nodiscard]] std::string human_range(OffsetRange range);

}  // namespace varve::cli
