#include "append/batching/preemption.h"

namespace varve::append {
namespace {
thread_local Interruption* interruption = nullptr;
}  // namespace

Interruption::Interruption(std::uint32_t nth, std::function<void()> what)
    : left_(nth), what_(std::move(what)) {
  interruption = this;
}
Interruption::~Interruption() { interruption = nullptr; }

void Interruption::count() {
  if (left_ == 0 || --left_ > 0) return;
  what_();
}

}  // namespace varve::append

#ifndef VARVE_PREEMPTION

namespace varve::append {
void preempt_from(std::uint64_t /*seed*/) noexcept {}
}  // namespace varve::append

#else

#include <atomic>
#include <chrono>
#include <thread>

namespace varve::append {
namespace {

std::atomic<std::uint64_t> seed_of_all{0};
std::atomic<std::uint64_t> threads_seen{0};

struct Sequence {
  std::uint64_t seed = 0;
  std::uint64_t state = 0;

  // SplitMix64 (S. Vigna, prng.di.unimi.it/splitmix64.c, public domain).
  std::uint64_t next() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
};

}  // namespace

void preempt_from(std::uint64_t seed) noexcept {
  threads_seen.store(0, std::memory_order_relaxed);
  seed_of_all.store(seed, std::memory_order_relaxed);
}

// Relaxed throughout: it must not order anything for the code that it disturbs, or it would hide from
// ThreadSanitizer what it is there to show.
void preemption_point() noexcept {
  if (interruption != nullptr) interruption->count();
  thread_local Sequence sequence;
  const std::uint64_t seed = seed_of_all.load(std::memory_order_relaxed);
  if (seed == 0) return;
  if (sequence.seed != seed) {
    sequence.seed = seed;
    sequence.state = seed + (threads_seen.fetch_add(1, std::memory_order_relaxed) << 32U);
  }
  const std::uint64_t draw = sequence.next() % 1024;
  if (draw < 2) {
    std::this_thread::sleep_for(std::chrono::microseconds(draw * 200));  // for whole lives of a batch
  } else if (draw < 64) {
    std::this_thread::yield();
  }
}

}  // namespace varve::append

#endif
