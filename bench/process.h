// What the operating system says of this process.
#pragma once

#include <cstdint>

namespace varve::bench {

/// User and system time of all threads, so far.
[[nodiscard]] double cpu_seconds();

/// The most memory that was resident since the process began, or since `forget_peak_memory`; 0 where
/// the system does not say.
[[nodiscard]] std::uint64_t peak_memory_bytes();
/// Resident memory now; 0 where the system does not say.
[[nodiscard]] std::uint64_t resident_memory_bytes();
/// Best effort: where it may not, the peak of before goes on counting.
void forget_peak_memory();

}  // namespace varve::bench
