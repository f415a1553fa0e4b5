#include "append/compression/cpu_meter.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/clock.h"
#include "base/thread.h"

namespace varve::append {

namespace {

constexpr auto look_every = std::chrono::milliseconds(200);

std::chrono::nanoseconds read_clock(clockid_t clock) noexcept {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// The first line of /proc/stat, as proc(5) has it: idle and waiting for disks are its fourth and fifth
// number, in ticks. The second is of niced processes, which give way. Below 0 where
// there is none.
std::chrono::nanoseconds idle_of_all_cores() noexcept {
  const int file = ::open("/proc/stat", O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::chrono::nanoseconds(-1);
  std::array<char, 256> text{};
  const ssize_t bytes = ::read(file, text.data(), text.size() - 1);
  ::close(file);
  unsigned long long niced = 0;
  unsigned long long idle = 0;
  unsigned long long waiting = 0;
  if (bytes <= 0 || std::sscanf(text.data(), "cpu %*u %llu %*u %llu %llu", &niced, &idle, &waiting) != 3)
    return std::chrono::nanoseconds(-1);
  const long ticks_per_second = ::sysconf(_SC_CLK_TCK);
  if (ticks_per_second <= 0) return std::chrono::nanoseconds(-1);
  return std::chrono::nanoseconds(std::chrono::seconds(1)) / ticks_per_second *
         static_cast<std::int64_t>(niced + idle + waiting);
}

}  // namespace

std::chrono::nanoseconds process_cpu() noexcept { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }
std::chrono::nanoseconds thread_cpu() noexcept { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

CpuMeter::CpuMeter() : all_cores_(base::Thread::cores()), seen_(see(base::now())), cores_(all_cores_) {}

CpuMeter::Seen CpuMeter::see(std::chrono::steady_clock::time_point now) noexcept {
  return {.at = now, .process = process_cpu(), .idle = idle_of_all_cores()};
}

void CpuMeter::look(std::chrono::steady_clock::time_point now) {
  if (now - seen_.at < look_every) return;
  const Seen before = seen_;
  seen_ = see(now);
  if (before.idle.count() < 0 || seen_.idle.count() < 0) return;
  const std::chrono::duration<double> could_use =
      (seen_.process - before.process) + (seen_.idle - before.idle);
  const std::chrono::duration<double> passed = seen_.at - before.at;
  cores_ = std::clamp(could_use / passed, 0.1, all_cores_);
}

}  // namespace varve::append
