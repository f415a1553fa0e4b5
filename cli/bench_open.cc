// varve bench open: what opening a long log costs, and an idle one.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "bench/open.h"
#include "cli/arguments.h"
#include "cli/bench.h"
#include "cli/human.h"
#include "cli/report.h"

namespace varve::cli {
namespace {

constexpr const char* bench_open_about =
    R"(Measure opening logs for writing that have so many objects each, and holding one open idly.

Between openings each log gets a record and is closed. Round trips are requests that had to wait for one
another. (After a crash it takes more: docs/protocol.md, Anchors.))";

constexpr const char* bench_open_examples =
    R"(  varve bench open --store mem://bench --objects 10 --objects 1000000
  varve bench open --store 'mem://s3like?put=100ms,195ms,274ms&get=30ms,60ms,100ms' --objects 1000)";

struct OpenOptions : BenchOptions {
  std::vector<std::uint64_t> objects;
  double idle_seconds = 1;
};

struct Opened {
  std::uint64_t objects;
  std::vector<bench::OpenFigures> rounds;
  bench::IdleFigures idle;

  [[nodiscard]] const bench::OpenFigures& fastest() const {
    return *std::ranges::min_element(rounds, {}, &bench::OpenFigures::seconds);
  }
  [[nodiscard]] double median_seconds() const {
    std::vector<double> seconds;
    for (const bench::OpenFigures& round : rounds) seconds.push_back(round.seconds);
    std::ranges::sort(seconds);
    return seconds[seconds.size() / 2];
  }
  [[nodiscard]] std::uint32_t most_trips() const {
    return std::ranges::max_element(rounds, {}, &bench::OpenFigures::round_trips)->round_trips;
  }
};

Result<std::vector<Opened>> measure(OpenOptions& options) {
  const auto store = options.prepare();
  if (!store) return store.error();
  bench::Live live;
  std::vector<bench::ManyObjects> logs;
  std::vector<Opened> all;
  for (const std::uint64_t objects : options.objects) {
    const RoundProgress progress(fmt::format("making {}", counted(objects, "object")), live);
    auto log = bench::ManyObjects::make(*store, objects, options.writer, live);
    if (!log) return log.error();
    logs.push_back(*std::move(log));
    all.push_back({objects, {}, {}});
  }
  for (std::uint32_t round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < logs.size(); ++i) {
      const auto opened = logs[i].open(options.writer);
      if (!opened) return opened.error();
      all[i].rounds.push_back(*opened);
    }
  }
  for (std::size_t i = 0; i < logs.size(); ++i) {
    const auto idle = logs[i].idle(options.writer, options.idle_seconds);
    if (!idle) return idle.error();
    all[i].idle = *idle;
  }
  return all;
}

ExitCode bench_open(OpenOptions& options) {
  if (options.objects.empty()) options.objects = {10, 10'000};
  const auto logs = measure(options);
  if (!logs) return report(logs.error());
  if (options.json) {
    auto json = nlohmann::ordered_json{{"store", options.store}, {"rounds", options.rounds}};
    for (const Opened& log : *logs) {
      json["logs"].push_back({{"objects", log.objects},
                              {"open_seconds", log.fastest().seconds},
                              {"open_seconds_median", log.median_seconds()},
                              {"round_trips", log.most_trips()},
                              {"requests", log.fastest().use.requests()},
                              {"idle_seconds", log.idle.seconds},
                              {"idle_requests", log.idle.use.requests()},
                              {"idle_cpu_seconds", log.idle.cpu_seconds}});
    }
    print_json(json);
    return ExitCode::fine;
  }
  fmt::print("{:>14} {:>12} {:>12} {:>12} {:>10} {:>16} {:>10}\n", "objects", "fastest", "median",
             "round trips", "requests", "idle: requests", "CPU");
  for (const Opened& log : *logs) {
    fmt::print("{:>14} {:>9.3f} ms {:>9.3f} ms {:>12} {:>10} {:>16} {:>8.2f} %\n", with_commas(log.objects),
               log.fastest().seconds * 1e3, log.median_seconds() * 1e3, log.most_trips(),
               log.fastest().use.requests(), log.idle.use.requests(),
               100 * log.idle.cpu_seconds / log.idle.seconds);
  }
  return ExitCode::fine;
}

}  // namespace

void add_bench_open(Command& bench, ExitCode& exit_code) {
  auto options = std::make_shared<OpenOptions>();
  Command command = bench.add_command("open", bench_open_about, bench_open_examples);
  add_bench_options(command, *options);
  command.add("--objects", options->objects, "a log of so many; may be repeated (default 10 and 10000)")
      .between(1, 10'000'000)
      .shown_as("N");
  command.add("--idle-seconds", options->idle_seconds, "how long it is held idle (default 1)")
      .between(0.1, 3600.0)
      .shown_as("S");
  command.add("--window", options->writer.window, "objects in flight (default 64)")
      .between(1, 1024)
      .shown_as("W");
  command.runs([options] { return bench_open(*options); }, exit_code);
}

}  // namespace varve::cli
