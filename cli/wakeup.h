// One bit that several threads may set and a `poll` can wait for: "stop reading".
#pragma once

#include <atomic>
#include <chrono>

namespace varve::cli {

/// Thread-safe.
class Wakeup {
 public:
  Wakeup();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  /// Until it is set, and no longer than so.
  void wait(std::chrono::milliseconds most) const noexcept;

  /// For ever.
  void set() noexcept;
  [[nodiscard]] bool is_set() const noexcept { return set_.load(std::memory_order_acquire); }

  /// Readable once set.
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_;
  std::atomic<bool> set_{false};
};

}  // namespace varve::cli
