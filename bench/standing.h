// How one way of doing a thing stands against the best of others, from runs that took turns.
//
// What a machine gives changes from minute to minute, and for all ways alike: so runs of one round are
// compared with each other, and the median of the rounds counts. How much two runs of the same way differ
// says what a difference means.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace varve::bench {

/// Of some, at least one; the upper of the two in the middle.
[[nodiscard]] double median(std::vector<double> values);

struct ReaderStatus {
  std::size_t best = 0;  ///< of the others: whose median is the best
  double ratio = 0;      ///< to its run of the same round; the median of the rounds
  double noise = 0;      ///< by how much two runs of the best, a round apart, differ: median; 0: one round
};

enum class Better { more, less };

/// Values round by round; as many rounds for each way.
[[nodiscard]] ReaderStatus reader_status(std::span<const double> mine,
                                         std::span<const std::vector<double>> others, Better better);

}  // namespace varve::bench
