// The same numbers from the same seed on every machine (the standard distributions promise no such
// thing).
#pragma once

#include <cstdint>

namespace varve::sim {

/// SplitMix64 (S. Vigna, prng.di.unimi.it/splitmix64.c, public domain).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  /// 0 to `bound` - 1.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) { return least + below(most - least + 1); }
  bool chance(std::uint32_t in_thousand) { return below(1000) < in_thousand; }

 private:
  std::uint64_t state_;
};

}  // namespace varve::sim
