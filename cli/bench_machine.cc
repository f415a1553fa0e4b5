// varve bench machine: what bounds every other figure here.
#include <fmt/format.h>

#include "bench/machine.h"
#include "cli/arguments.h"
#include "cli/bench.h"
#include "cli/report.h"

namespace varve::cli {
namespace {

constexpr const char* bench_machine_about =
    R"(Measure the machine: what it takes to hand a cache line from core to core, to copy, to check, and
to touch memory for the first time.

Those bound what `varve bench append` can reach in memory. A virtual machine's host may lend memory only
when it is touched, and slowly: figures are steadier after --touch of as much as a benchmark will use.)";

constexpr const char* bench_machine_examples =
    R"(  varve bench machine
  varve bench machine --touch 16GiB --json)";

struct MachineOptions {
  std::uint64_t touched_bytes = std::uint64_t{1} << 30;
  bool json = false;
};

ExitCode bench_machine(const MachineOptions& options) {
  const auto figures = bench::measure_machine(options.touched_bytes);
  if (!figures) return report(figures.error());
  if (options.json) {
    print_json({{"processors", figures->processors},
                {"handover_ns", figures->handover_ns},
                {"atomic_add_ns", figures->atomic_add_ns},
                {"copy_bytes_per_second", figures->copy_bytes_per_second},
                {"crc_bytes_per_second", figures->crc_bytes_per_second},
                {"fresh_bytes_per_second", figures->fresh_bytes_per_second}});
    return ExitCode::fine;
  }
  fmt::print("{:<44} {:>8}\n", "processors", figures->processors);
  fmt::print("{:<44} {:>8.0f} ns\n", "a cache line from core to core", figures->handover_ns);
  fmt::print("{:<44} {:>8.1f} ns\n", "an atomic add, undisturbed", figures->atomic_add_ns);
  fmt::print("{:<44} {:>8.1f} GB/s\n", "copying, past the caches", figures->copy_bytes_per_second / 1e9);
  fmt::print("{:<44} {:>8.1f} GB/s\n", "CRC-32C of 4 KiB, in the cache", figures->crc_bytes_per_second / 1e9);
  fmt::print("{:<44} {:>8.1f} GB/s\n", "memory touched for the first time",
             figures->fresh_bytes_per_second / 1e9);
  return ExitCode::fine;
}

}  // namespace

void add_bench_machine(Command& bench, ExitCode& exit_code) {
  auto options = std::make_shared<MachineOptions>();
  Command command = bench.add_command("machine", bench_machine_about, bench_machine_examples);
  command.add("--touch", options->touched_bytes, "memory to touch for the first time (default 1GiB)")
      .in_bytes(1 << 20, std::uint64_t{1} << 46);
  command.add_json(options->json);
  command.runs([options] { return bench_machine(*options); }, exit_code);
}

}  // namespace varve::cli
