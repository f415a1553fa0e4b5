// Which codec the next batch gets. Pure: facts come in.
//
// A writer is as fast as the slowest of three: whoever appends, the CPU, and the line to the store.
// Compressing takes from one of them and gives to another. For each way there is, what one appended byte
// costs each of them follows from facts; the way whose dearest is the cheapest keeps the writer fastest. Of
// those that are as fast, the one that has a batch stored soonest is taken. So who is limited by the CPU, or
// by nothing, goes uncompressed where the line is fast, and who is limited by the line makes the most of it.
#pragma once

#include <array>
#include <cstddef>

#include "format/blocks.h"

namespace varve::writer {

/// A way to store a batch, and what is known of it for bytes like the present ones.
struct Candidate {
  format::Packing packing;
  double ratio = 1;        ///< stored bytes for one of the batch
  double ns_per_byte = 0;  ///< of CPU, for one of the batch
};

/// From none to thorough. Higher levels of zstd gain some percent for twice the time: they would need a line
/// slower than any that a log is written over.
using Candidates = std::array<Candidate, 4>;
[[nodiscard]] Candidates unknown_candidates();
inline constexpr std::size_t as_it_is = 0;

struct CompressionFacts {
  double batch_bytes = 0;
  double cores = 1;               ///< of CPU that this process uses or could use
  double threads = 1;             ///< that compress
  double other_ns_per_byte = 0;   ///< CPU of this process for an appended byte, without compressing
  double line_ns_per_byte = 0;    ///< for a stored byte when there are enough of them
  double alone_ns_per_byte = 0;   ///< for a stored byte of an object that has the line for itself
  double demand_ns_per_byte = 0;  ///< how slowly bytes come; 0: as fast as they are taken, some wait
};

/// The candidate for the next batch; `present` is the one of the batch before, and stays until another is
/// clearly better.
[[nodiscard]] std::size_t choose(const Candidates& candidates, const CompressionFacts& facts,
                                 std::size_t present);

}  // namespace varve::writer
