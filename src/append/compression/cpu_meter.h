// What CPU there is for this process.
#pragma once

#include <chrono>
#include <cstdint>

namespace varve::append {

/// Of the whole process, or of the calling thread, since it began.
[[nodiscard]] std::chrono::nanoseconds process_cpu() noexcept;
[[nodiscard]] std::chrono::nanoseconds thread_cpu() noexcept;

/// Not thread-safe.
class CpuMeter {
 public:
  CpuMeter();

  /// Looks again if the last look is old enough.
  void look(std::chrono::steady_clock::time_point now);

  /// Cores that this process uses or could use: what is idle, or niced ones have, and its own part, between
  /// the last two looks.
  /// Where the system does not tell, all it may run on.
  [[nodiscard]] double cores() const noexcept { return cores_; }

 private:
  struct Seen {
    std::chrono::steady_clock::time_point at{};
    std::chrono::nanoseconds process{0};
    std::chrono::nanoseconds idle{-1};  // of all cores; below 0: not known
  };
  static Seen see(std::chrono::steady_clock::time_point now) noexcept;

  double all_cores_;
  Seen seen_;
  double cores_;
};

}  // namespace varve::append
