// The memory of batches: taken from the system, kept for the next batch, bounded.
#pragma once

#include <cstddef>
#include <vector>

#include "base/mapped_memory.h"

namespace varve::append {

using BatchMemory = object_store::MappedMemory;

/// Hands memory out and takes it back. Pieces of one size, which nearly all batches have, are kept;
/// the one given back last, whose pages and cache lines are warm, goes out first. Not thread-safe.
class MemoryStock {
 public:
  /// Keeps pieces of `usual_bytes`, and holds `bytes_max` at most, kept ones included. At most
  /// `pieces_max` are out at once.
  MemoryStock(std::size_t usual_bytes, std::size_t bytes_max, std::size_t pieces_max)
      : usual_bytes_(usual_bytes), bytes_max_(bytes_max) {
    kept_.reserve(pieces_max);
  }

  /// Empty if that would be over the bound, or the system has none.
  [[nodiscard]] BatchMemory take(std::size_t bytes);
  /// Returns it if it is not to be kept: unmapping is slow, the caller may do it without its locks.
  BatchMemory give_back(BatchMemory memory);

 private:
  const std::size_t usual_bytes_;
  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;          // mapped and not yet given up, kept ones included
  std::vector<BatchMemory> kept_;  // room for all from the start: giving back never fails
};

}  // namespace varve::append
