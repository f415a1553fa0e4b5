// varve_whole_sim: many seeds of `Scenario`. Some run in one child process after the other: what killed
// processes hold is given back with the child, and a child that ends by a signal is a finding, too.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "sim/scenario.h"

namespace varve::sim {
namespace {

constexpr std::uint64_t seeds_a_child = 50;

// What a child tells its parent.
struct Progress {
  std::uint64_t seed = 0;  // being tried
  std::uint64_t turns = 0;
  std::uint64_t violations = 0;
};

void try_seeds(std::uint64_t first, std::uint64_t count, bool verbose, Progress& progress) {
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    progress.seed = seed;
    // Not destroyed: what lives in it may wait for processes that were killed.
    auto& scenario = *new Scenario({.seed = seed, .verbose = verbose});
    const auto violation = scenario.run();
    progress.turns += scenario.turns();
    base::Scheduler::install(nullptr);
    base::Entropy::install(nullptr);
    if (!violation) continue;
    ++progress.violations;
    fmt::print("seed {}: {}\n", seed, *violation);
    std::fflush(stdout);
  }
}

int run(std::uint64_t first, std::uint64_t seeds, std::uint64_t violations_max, bool verbose) {
  auto& progress = *static_cast<Progress*>(
      ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  std::uint64_t done = 0;
  while (done < seeds && progress.violations < violations_max) {
    const std::uint64_t count = std::min(seeds_a_child, seeds - done);
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
      try_seeds(first + done, count, verbose, progress);
      std::fflush(stdout);
      ::_exit(0);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) {
      fmt::print("no child process: {}\n", child);
      return 2;
    }
    if (!WIFEXITED(status)) {
      ++progress.violations;
      fmt::print("seed {}: the process ends by signal {}\n", progress.seed, WTERMSIG(status));
      done = progress.seed + 1 - first;
      continue;
    }
    done += count;
  }
  fmt::print("{} seeds, {} turns, {} violations\n", done, progress.turns, progress.violations);
  return progress.violations == 0 ? 0 : 1;
}

}  // namespace
}  // namespace varve::sim

int main(int argc, char** argv) {
  CLI::App app{"Runs the library itself on simulated time, stores and processes, one seed after the other"};
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1000;
  std::uint64_t violations_max = 10;
  bool verbose = false;
  app.add_option("--seed", seed, "the first seed");
  app.add_option("--seeds", seeds, "how many");
  app.add_option("--violations", violations_max, "stop after so many");
  app.add_flag("--verbose", verbose, "tell what happens");
  CLI11_PARSE(app, argc, argv);
  return varve::sim::run(seed, seeds, violations_max, verbose);
}
