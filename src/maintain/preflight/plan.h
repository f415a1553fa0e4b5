// How much the doctor tries.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace varve::preflight {

/// So many requests at once, at most so many of them.
struct Sample {
  std::uint32_t in_flight;
  std::uint32_t requests_max;
};

struct Plan {
  std::size_t races;
  std::size_t racers;
  std::size_t rounds;   ///< of read-after-write, list-after-write, replace
  std::size_t objects;  ///< listed in pages
  std::size_t removed;  ///< at once

  std::uint64_t small_bytes;
  std::uint64_t large_bytes;
  std::vector<Sample> small;  ///< PUT and GET; DELETE as the first
  std::vector<Sample> large;  ///< PUT and GET
  std::uint32_t lists;
  std::chrono::milliseconds sample_time_max;
};

/// What the log was designed around: objects of up to 8 MiB, several at once.
[[nodiscard]] inline Plan full_plan() {
  return {.races = 25,
          .racers = 20,
          .rounds = 25,
          .objects = 40,
          .removed = 100,
          .small_bytes = 4096,
          .large_bytes = std::uint64_t{8} << 20,
          .small = {{1, 100}, {16, 400}},
          .large = {{1, 8}, {4, 16}, {16, 32}},
          .lists = 25,
          .sample_time_max = std::chrono::milliseconds(10'000)};
}

[[nodiscard]] inline Plan quick_plan() {
  return {.races = 5,
          .racers = 20,
          .rounds = 5,
          .objects = 12,
          .removed = 20,
          .small_bytes = 4096,
          .large_bytes = std::uint64_t{8} << 20,
          .small = {{1, 20}, {16, 64}},
          .large = {{1, 2}, {4, 4}},
          .lists = 5,
          .sample_time_max = std::chrono::milliseconds(3'000)};
}

}  // namespace varve::preflight
