// How long to wait before trying again: exponential with full jitter, so that many clients that
// failed together do not return together (M. Brooker, "Exponential Backoff And Jitter", AWS
// Architecture Blog, 2015).
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "varve/result.h"

namespace varve::protocol {

struct RetryOptions {
  std::uint32_t first_ms = 20;
  std::uint32_t most_ms = 2'000;
};

class Backoff {
 public:
  Backoff(RetryOptions options, std::uint64_t seed) : options_(options), random_(seed) {}

  /// The pause after the `tries`-th try (from 1) failed: 1 ms to the cap of that try.
  std::uint64_t pause_ms(std::uint32_t tries) {
    const std::uint32_t doublings = std::min(tries == 0 ? 0 : tries - 1, 16U);
    const std::uint64_t cap =
        std::min<std::uint64_t>(options_.most_ms, std::uint64_t{options_.first_ms} << doublings);
    return 1 + random_() % std::max<std::uint64_t>(cap, 1);
  }

 private:
  RetryOptions options_;
  std::minstd_rand random_;
};

/// A request that takes so long is told of, whatever it waits for: longer than a healthy store takes for all
/// but a few in a million.
inline constexpr std::uint64_t late_ms = 3'000;

/// Whether the same request may succeed later. Everything may, in a store's hands (credentials are
/// renewed, disks are emptied), but for what only a change of the program or its input can mend.
[[nodiscard]] inline bool worth_retrying(const Error& error) {
  switch (error.code()) {
    case Code::invalid_argument:
    case Code::unsupported:
    case Code::closed:
    case Code::internal:
    case Code::corruption:
    case Code::foreign:
      return false;
    default:
      return true;
  }
}

/// Whether the store has said something that asking again would not change.
[[nodiscard]] inline bool is_an_answer(const Error& error) {
  return error.code() == Code::not_found || error.code() == Code::already_exists ||
         error.code() == Code::denied || !worth_retrying(error);
}

}  // namespace varve::protocol
