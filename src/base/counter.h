// A number that is counted up by some threads and read by others.
#pragma once

#include <atomic>
#include <cstdint>

namespace varve::base {

/// Thread-safe. Each number is on its own; nothing is published through it, so all accesses are relaxed.
class Counter {
 public:
  Counter() = default;
  explicit Counter(std::uint64_t first) : value_(first) {}

  void add(std::uint64_t value = 1) noexcept { value_.fetch_add(value, std::memory_order_relaxed); }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace varve::base
