#include "writer/compression_choice.h"

#include <algorithm>

namespace varve::writer {

namespace {

// Facts are known to within some percent: what differs less is the same, and what is chosen stays.
constexpr double same = 1.03;
constexpr double stays = 1.06;
// What does not shrink by this much is not worth a reader's time.
constexpr double ratio_max = 0.97;
// To hand a batch to another thread and to hear of it.
constexpr double handing_ns = 40'000;

struct Cost {
  double slowest_ns = 0;  // an appended byte, where it takes longest
  double latency_ns = 0;  // the batch, alone
};

Cost cost_of(const Candidate& candidate, const CompressionFacts& facts) {
  const double cpu = std::max((facts.other_ns_per_byte + candidate.ns_per_byte) / facts.cores,
                              candidate.ns_per_byte / facts.threads);
  const double line = candidate.ratio * facts.line_ns_per_byte;
  const double handing = candidate.ns_per_byte > 0 ? handing_ns : 0;
  return {.slowest_ns = std::max({facts.demand_ns_per_byte, cpu, line}),
          .latency_ns = handing + facts.batch_bytes *
                                      (candidate.ns_per_byte + candidate.ratio * facts.alone_ns_per_byte)};
}

}  // namespace

Candidates unknown_candidates() {
  using format::Codec;
  return {{{.packing = {}},
           {.packing = {.codec = Codec::lz4}, .ratio = 0.5, .ns_per_byte = 2},
           {.packing = {.codec = Codec::zstd, .level = 1}, .ratio = 0.4, .ns_per_byte = 3},
           {.packing = {.codec = Codec::zstd, .level = 3}, .ratio = 0.35, .ns_per_byte = 5}}};
}

std::size_t choose(const Candidates& candidates, const CompressionFacts& facts, std::size_t present) {
  std::array<Cost, std::tuple_size_v<Candidates>> costs;
  double fastest = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    costs[i] = cost_of(candidates[i], facts);
    if (i == as_it_is || (costs[i].slowest_ns < fastest && candidates[i].ratio <= ratio_max))
      fastest = costs[i].slowest_ns;
  }
  const auto is_fast = [&](std::size_t i, double tolerance) {
    const bool shrinks = i == as_it_is || candidates[i].ratio <= ratio_max;
    return shrinks && costs[i].slowest_ns <= fastest * tolerance;
  };
  std::size_t best = candidates.size();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (!is_fast(i, same)) continue;
    if (best == candidates.size() || costs[i].latency_ns < costs[best].latency_ns) best = i;
  }
  if (is_fast(present, same) && costs[present].latency_ns <= costs[best].latency_ns * stays) return present;
  return best;
}

}  // namespace varve::writer
