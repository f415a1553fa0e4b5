#include "bench/process.h"

#include <sys/resource.h>

#include <fstream>
#include <string>

namespace varve::bench {

namespace {

// "VmHWM:    123 kB", as proc(5) has it.
std::uint64_t status_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != field) continue;
    std::uint64_t kib = 0;
    return status >> kib ? kib * 1024 : 0;
  }
  return 0;
}

}  // namespace

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::uint64_t peak_memory_bytes() { return status_bytes("VmHWM:"); }
std::uint64_t resident_memory_bytes() { return status_bytes("VmRSS:"); }

// 5 resets the peak: proc(5), /proc/pid/clear_refs.
void forget_peak_memory() { std::ofstream("/proc/self/clear_refs") << 5; }

}  // namespace varve::bench
