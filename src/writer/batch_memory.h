// The memory of batches: taken from the system, kept for the next batch, bounded.
#pragma once

#include <cstddef>
#include <vector>

namespace varve::writer {

/// Memory straight from the system, zeroed, resident only where touched.
class BatchMemory {
 public:
  BatchMemory() = default;
  /// Empty when the system has none.
  explicit BatchMemory(std::size_t bytes) noexcept;
  /// What it takes for so many bytes: whole pages.
  static std::size_t mapped_bytes(std::size_t bytes) noexcept;
  BatchMemory(BatchMemory&& other) noexcept;
  BatchMemory& operator=(BatchMemory&& other) noexcept;
  ~BatchMemory();

  explicit operator bool() const noexcept { return data_ != nullptr; }
  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Hands memory out and takes it back. Pieces of one size, which nearly all batches have, are kept;
/// the one given back last, whose pages and cache lines are warm, goes out first. Not thread-safe.
class MemoryStock {
 public:
  /// Keeps pieces of `usual_bytes`, and holds `bytes_max` at most, kept ones included.
  MemoryStock(std::size_t usual_bytes, std::size_t bytes_max)
      : usual_bytes_(usual_bytes), bytes_max_(bytes_max) {}

  /// Empty if that would be over the bound, or the system has none.
  [[nodiscard]] BatchMemory take(std::size_t bytes);
  /// Returns it if it is not to be kept: unmapping is slow, the caller may do it without its locks.
  BatchMemory give_back(BatchMemory memory);

 private:
  const std::size_t usual_bytes_;
  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;  // mapped and not yet given up, kept ones included
  std::vector<BatchMemory> kept_;
};

}  // namespace varve::writer
