// varve_sim: runs of the log's protocol under a simulated store with faults. One seed, one run.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "sim/simulation.h"

namespace {

using namespace varve::sim;

// An invariant that breaks aborts: say which seed it was.
char last_words[128];
extern "C" void on_abort(int /*signal*/) {
  const auto written = write(STDOUT_FILENO, last_words, std::strlen(last_words));
  static_cast<void>(written);
}
void prepare_last_words(const RunOptions& options, std::uint64_t seeds) {
  const auto end = fmt::format_to_n(last_words, sizeof(last_words) - 1,
                                    "again: varve_sim --seed {} --steps {} --trace\nafter {} seeds\n",
                                    options.seed, options.steps, seeds);
  *end.out = '\0';
}

/// The same failure with as few steps and kinds of fault as will do.
RunOptions shrink(RunOptions options, const RunReport& report) {
  options.steps = std::min(options.steps, report.step);
  for (unsigned i = 0; i < static_cast<unsigned>(Fault::count); ++i) {
    RunOptions fewer = options;
    fewer.never |= bit(static_cast<Fault>(i));
    const RunReport again = Simulation(fewer).run();
    if (!again.violation) continue;
    fewer.steps = std::min(fewer.steps, again.step);
    options = fewer;
  }
  while (options.steps > 1) {
    RunOptions fewer = options;
    fewer.steps -= std::max<std::uint64_t>(1, fewer.steps / 16);
    if (!Simulation(fewer).run().violation) break;
    options = fewer;
  }
  return options;
}

std::string command(const RunOptions& options) {
  std::string line = fmt::format("varve_sim --seed {} --steps {}", options.seed, options.steps);
  for (unsigned i = 0; i < static_cast<unsigned>(Fault::count); ++i) {
    if ((options.never & bit(static_cast<Fault>(i))) != 0)
      line += fmt::format(" --without {}", fault_names[i]);
  }
  return line + " --trace";
}

}  // namespace

int main(int argc, char** argv) {
  RunOptions options;
  std::uint64_t seeds = 1;
  bool trace = false;
  bool no_shrink = false;
  std::string record;
  std::vector<std::string> without;
  CLI::App app("Runs Varve's protocol under a simulated store with faults; exits with 1 on a violation.");
  app.add_option("--seed", options.seed, "the first seed");
  app.add_option("--seeds", seeds, "how many");
  app.add_option("--steps", options.steps, "of each run, before faults stop");
  app.add_option("--without", without, "a kind of fault to switch off; may be repeated");
  app.add_flag("--trace", trace, "print every step");
  app.add_option("--record", record, "write what happens to the logs there, as docs/spec/traces.md says");
  app.add_flag("--no-shrink", no_shrink, "show a failure as it came");
  CLI11_PARSE(app, argc, argv);
  for (const std::string& name : without) {
    const auto fault = fault_named(name);
    if (!fault) {
      fmt::print(stderr, "no such fault: {}; there are {}\n", name, fmt::join(fault_names, " "));
      return 2;
    }
    options.never |= bit(*fault);
  }
  std::ofstream lines;
  if (!record.empty()) lines.open(record);
  // At once: a broken invariant ends the process.
  const Recorder recorder([&](const std::string& line) { lines << line << std::endl; });
  if (!record.empty()) options.recorder = &recorder;
  if (trace) options.trace = [](const std::string& line) { fmt::print("{}\n", line); };

  const auto began = std::chrono::steady_clock::now();
  std::uint64_t steps = 0;
  std::signal(SIGABRT, on_abort);
  for (std::uint64_t i = 0; i < seeds; ++i, ++options.seed) {
    prepare_last_words(options, i + 1);
    if (!record.empty()) lines << fmt::format(R"({{"event":"run","seed":{}}})", options.seed) << std::endl;
    const RunReport report = Simulation(options).run();
    steps += report.step;
    if (!report.violation) continue;
    fmt::print("seed {}, step {}: {}\n", options.seed, report.step, *report.violation);
    options.recorder = nullptr;
    RunOptions smaller = options;
    if (!no_shrink && !trace) smaller = shrink(options, report);
    fmt::print("again: {}\nafter {} seeds\n", command(smaller), i + 1);
    return 1;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("{} seeds, {} steps, no violation; {:.1f} s, {:.0f} seeds an hour\n", seeds, steps, took.count(),
             static_cast<double>(seeds) * 3600 / took.count());
  return 0;
}
