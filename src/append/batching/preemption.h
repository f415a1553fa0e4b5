// Places in the lock-free code, between two atomics, where a test makes a thread lose the processor: pseudo-
// randomly, or at one place for as long as something else runs. Only builds with VARVE_PREEMPTION have them
// (the presets asan and tsan, and the programs with mutants), and there they do nothing until a test
// asks for it.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace varve::append {

/// From now on, in every thread. Each thread has its own sequence, which follows from `seed` and from
/// how many threads came to such a place before it. 0: never. Nothing where there are no such places.
void preempt_from(std::uint64_t seed) noexcept;

/// While it lives, the thread that made it is interrupted at the `nth` such place that it comes to (1: the
/// first), and `what` runs there. It must not need what the interrupted code holds: a mutex, say.
class Interruption {
 public:
  Interruption(std::uint32_t nth, std::function<void()> what);
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// False where the thread came to fewer places; in builds without any, always.
  [[nodiscard]] bool happened() const noexcept { return left_ == 0; }

  /// The thread has come to a place.
  void count();

 private:
  std::uint32_t left_;
  std::function<void()> what_;
};

#ifdef VARVE_PREEMPTION
void preemption_point() noexcept;
#else
inline void preemption_point() noexcept {}
#endif

}  // namespace varve::append
