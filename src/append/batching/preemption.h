// Places in the lock-free code where a test makes threads lose the processor, pseudo-randomly: between
// two atomics, where the scheduler nearly never does. Only builds with VARVE_PREEMPTION have them (the
// presets asan and tsan, and the programs with planted bugs), and there they do nothing until
// `preempt_from` is called.
#pragma once

#include <cstdint>

namespace varve::append {

/// From now on, in every thread. Each thread has its own sequence, which follows from `seed` and from
/// how many threads came to such a place before it. 0: never. Nothing where there are no such places.
void preempt_from(std::uint64_t seed) noexcept;

#ifdef VARVE_PREEMPTION
void preemption_point() noexcept;
#else
inline void preemption_point() noexcept {}
#endif

}  // namespace varve::append
