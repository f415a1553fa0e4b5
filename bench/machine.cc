#include "bench/machine.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "base/mapped_memory.h"
#include "bench/load.h"
#include "format/crc.h"

namespace varve::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t mib = std::size_t{1} << 20;
constexpr int measured_times = 5;

double fastest_seconds(const std::function<void()>& work) {
  double best = 0;
  for (int i = 0; i < measured_times; ++i) {
    const Clock::time_point begin = Clock::now();
    work();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    best = i == 0 ? seconds : std::min(best, seconds);
  }
  return best;
}

// Left where it is if that is not allowed: then the figure is of wherever the system put it.
void stay_on(unsigned processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  static_cast<void>(pthread_setaffinity_np(pthread_self(), sizeof set, &set));
}

double handover_ns() {
  constexpr std::uint64_t turns = 200'000;
  const double seconds = fastest_seconds([] {
    alignas(64) std::atomic<std::uint64_t> ball = 0;
    const auto play = [&ball](unsigned processor, std::uint64_t first) {
      stay_on(processor);
      for (std::uint64_t turn = first; turn < turns; turn += 2) {
        while (ball.load(std::memory_order_acquire) != turn) {
        }
        ball.store(turn + 1, std::memory_order_release);
      }
    };
    std::thread one(play, 0, 0);
    std::thread two(play, 1, 1);
    one.join();
    two.join();
  });
  return 1e9 * seconds / static_cast<double>(turns);
}

double atomic_add_ns() {
  constexpr std::uint64_t adds = 5'000'000;
  std::atomic<std::uint64_t> sum = 0;
  const double seconds = fastest_seconds([&sum] {
    for (std::uint64_t i = 0; i < adds; ++i) sum.fetch_add(1, std::memory_order_relaxed);
  });
  return 1e9 * seconds / static_cast<double>(adds);
}

double copy_bytes_per_second() {
  constexpr std::size_t bytes = 256 * mib;
  const object_store::MappedMemory from(bytes);
  const object_store::MappedMemory to(bytes);
  if (!from || !to) return 0;
  std::memset(from.data(), 1, bytes);
  std::memset(to.data(), 2, bytes);
  return static_cast<double>(bytes) / fastest_seconds([&] { std::memcpy(to.data(), from.data(), bytes); });
}

double crc_bytes_per_second() {
  constexpr int rounds = 50'000;
  const std::vector<std::byte> bytes(4096, std::byte{7});
  std::atomic<std::uint32_t> crc = 0;
  const double seconds = fastest_seconds([&] {
    std::uint32_t state = 0;
    for (int i = 0; i < rounds; ++i) state = format::crc32c(bytes, state);
    crc.store(state);
  });
  return static_cast<double>(bytes.size()) * rounds / seconds;
}

Result<double> fresh_bytes_per_second(std::size_t bytes) {
  const object_store::MappedMemory memory(bytes);
  if (!memory) return Error(Code::no_memory, "the system does not give so much memory: touch less");
  memory.advise_huge_pages(0, memory.bytes());
  const Clock::time_point begin = Clock::now();
  std::memset(memory.data(), 1, memory.bytes());
  return static_cast<double>(bytes) / std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

Result<MachineFigures> measure_machine(std::size_t fresh_bytes) {
  const Result<double> fresh = fresh_bytes_per_second(fresh_bytes);
  if (!fresh) return fresh.error();
  const unsigned processors = std::thread::hardware_concurrency();
  return MachineFigures{.processors = processors,
                        .handover_ns = processors > 1 ? handover_ns() : 0,
                        .atomic_add_ns = atomic_add_ns(),
                        .copy_bytes_per_second = copy_bytes_per_second(),
                        .crc_bytes_per_second = crc_bytes_per_second(),
                        .fresh_bytes_per_second = *fresh};
}

}  // namespace varve::bench
