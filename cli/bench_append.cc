// varve bench append: records a second, and how long each waits for its acknowledgement.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "bench/append.h"
#include "bench/plot.h"
#include "cli/arguments.h"
#include "cli/bench.h"
#include "cli/human.h"
#include "cli/report.h"

namespace varve::cli {
namespace {

constexpr const char* bench_append_about =
    R"(Measure appending on a store.

Baselines:
  bare       claim, copy and checksum into memory, nothing else: the speed of light here
  mutex      the textbook's locked buffer, uploading objects of the same size
  unordered  the same writer, acknowledging each upload when it lands
  raw        the same objects put by themselves: what the store alone can do)";

constexpr const char* bench_append_examples =
    R"(  varve bench append --store mem://bench --producers 2 --baseline bare --baseline mutex
  varve bench append --store file:///var/tmp --record-bytes 4KiB --baseline raw
  varve bench append --store 'mem://s3like?put=100ms,195ms,274ms' --records-per-second 100 --plot acks.svg)";

struct AppendBenchOptions : BenchOptions {
  std::vector<std::string> baselines;
  std::string plot;
};

/// All rounds of one way.
struct Score {
  bench::Way way;
  std::vector<bench::Figures> rounds;

  [[nodiscard]] std::string name() const { return std::string(bench::name_of(way)); }
  [[nodiscard]] const bench::Figures& best() const {
    return *std::ranges::max_element(rounds, {}, &bench::Figures::bytes_per_second);
  }
};

// In what the two are compared: the store alone knows no records.
double speed_beside(const bench::Figures& figures, bench::Way other) {
  if (other != bench::Way::raw) return figures.bytes_per_second();
  std::uint64_t stored = 0;
  for (const bench::Upload& upload : figures.uploads) stored += upload.bytes;
  return static_cast<double>(stored) / figures.seconds;
}

/// Round by round, so that what disturbs the machine disturbs both.
double median_ratio(const Score& score, const Score& baseline) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < score.rounds.size(); ++i) {
    ratios.push_back(speed_beside(score.rounds[i], baseline.way) /
                     speed_beside(baseline.rounds[i], baseline.way));
  }
  std::ranges::nth_element(ratios, ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2));
  return ratios[ratios.size() / 2];
}

double best_ratio(const Score& score, const Score& baseline) {
  return speed_beside(score.best(), baseline.way) / speed_beside(baseline.best(), baseline.way);
}

Result<std::vector<Score>> compete(AppendBenchOptions& options) {
  const auto store = options.prepare();
  if (!store) return store.error();
  const bench::AppendTrial trial{.store = *store, .load = options.load, .writer = options.writer};
  std::vector<Score> scores{{bench::Way::varve, {}}};
  for (const std::string& baseline : options.baselines) scores.push_back({*bench::way_named(baseline), {}});
  bench::Live live;
  for (std::uint32_t round = 1; round <= options.rounds; ++round) {
    for (Score& score : scores) {
      const RoundProgress progress(fmt::format("round {} of {}, {}", round, options.rounds, score.name()),
                                   live);
      const bench::Figures& of_varve =
          score.way == bench::Way::varve ? bench::Figures() : scores.front().rounds.back();
      auto figures = bench::append_once(score.way, trial, of_varve, live);
      if (!figures) return figures.error();
      score.rounds.push_back(*std::move(figures));
    }
  }
  return scores;
}

nlohmann::ordered_json as_json(const std::vector<Score>& scores, const AppendBenchOptions& options) {
  const Score& varve = scores.front();
  const bench::Figures& best = varve.best();
  nlohmann::ordered_json json{{"store", options.store},
                              {"record_bytes", options.record_bytes},
                              {"producers", options.load.producers},
                              {"batch", options.load.batch},
                              {"rounds", options.rounds},
                              {"records", best.records},
                              {"seconds", best.seconds},
                              {"records_per_second", best.records_per_second()},
                              {"bytes_per_second", best.bytes_per_second()},
                              {"append_ns", best.appending_seconds * 1e9 * options.load.producers /
                                                static_cast<double>(best.records)},
                              {"cpu_seconds_per_gib", best.per_gib(best.cpu_seconds)},
                              {"peak_memory_bytes", best.peak_memory_bytes},
                              {"objects", best.uploads.size()},
                              {"puts_per_gib", best.per_gib(static_cast<double>(best.use.puts))},
                              {"store_cost_usd_per_gib", best.per_gib(best.use.dollars())}};
  add_latency(json, "ack", best.ack_us);
  add_latency(json, "put", best.put_us);
  add_latency(json, "order_bound", best.order_bound_us);
  add_latency(json, "behind_bound", best.behind_bound_us);
  add_use(json, best.use);
  for (auto score = scores.begin() + 1; score != scores.end(); ++score) {
    const std::string name = score->name();
    json[name + "_records_per_second"] = score->best().records_per_second();
    json[name + "_bytes_per_second"] = score->best().bytes_per_second();
    json[name + "_cpu_seconds_per_gib"] = score->best().per_gib(score->best().cpu_seconds);
    add_latency(json, name + "_ack", score->best().ack_us);
    json["ratio_to_" + name] = median_ratio(varve, *score);
    json["best_ratio_to_" + name] = best_ratio(varve, *score);
  }
  return json;
}

void print_table(const std::vector<Score>& scores) {
  const Score& varve = scores.front();
  fmt::print("{:<10} {:>13} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>14}\n", "", "records/s", "MB/s",
             "ack p50", "p99", "p99.9", "max", "CPU s/GiB", "varve against");
  for (const Score& score : scores) {
    const bench::Figures& best = score.best();
    const bool is_raw = score.way == bench::Way::raw;
    fmt::print("{:<10} {:>13} {:>10.1f} {:>10} {:>10} {:>10} {:>10} {:>10.2f} {:>14}\n", score.name(),
               is_raw ? "-" : with_commas(static_cast<std::uint64_t>(best.records_per_second())),
               best.bytes_per_second() / 1e6, human_micros(best.ack_us, 0.5), human_micros(best.ack_us, 0.99),
               human_micros(best.ack_us, 0.999), human_micros(best.ack_us, 1), best.per_gib(best.cpu_seconds),
               &score == &varve ? "" : fmt::format("{:.2f} x", median_ratio(varve, score)));
  }
  const bench::Figures& best = varve.best();
  fmt::print("\nPUT p50 {}, p99 {}; {} ({:.1f} per GiB), {}, ${:.5f} per GiB at S3's list prices\n",
             human_micros(best.put_us, 0.5), human_micros(best.put_us, 0.99), counted(best.use.puts, "PUT"),
             best.per_gib(static_cast<double>(best.use.puts)), counted(best.use.gets, "GET"),
             best.per_gib(best.use.dollars()));
  fmt::print("acknowledged p50 {}, p99 {} after the last upload that order had it wait for\n",
             human_micros(best.behind_bound_us, 0.5), human_micros(best.behind_bound_us, 0.99));
  fmt::print("peak memory {} (a store in memory included)\n", human_bytes(best.peak_memory_bytes));
  fmt::print("best of {}; ratios are the median of the rounds; every record was read back\n",
             counted(varve.rounds.size(), "round"));
}

ExitCode plot(const std::vector<Score>& scores, const AppendBenchOptions& options) {
  std::vector<bench::Curve> curves;
  curves.reserve(scores.size() + 2);
  for (const Score& score : scores) curves.push_back({score.name() + ", acknowledged", score.best().ack_us});
  curves.push_back({"one PUT", scores.front().best().put_us});
  curves.push_back({"the best that order allows", scores.front().best().order_bound_us});
  std::ofstream file(options.plot);
  file << bench::latency_plot("varve bench append, " + options.store, curves);
  if (file.flush()) return ExitCode::fine;
  complain(fmt::format("cannot write {}; name a file in a folder that exists", options.plot));
  return ExitCode::failure;
}

ExitCode bench_append(AppendBenchOptions& options) {
  const auto scores = compete(options);
  if (!scores) return report(scores.error());
  if (options.json) {
    print_json(as_json(*scores, options));
  } else {
    print_table(*scores);
  }
  return options.plot.empty() ? ExitCode::fine : plot(*scores, options);
}

}  // namespace

void add_bench_append(Command& bench, ExitCode& exit_code) {
  auto options = std::make_shared<AppendBenchOptions>();
  Command command = bench.add_command("append", bench_append_about, bench_append_examples);
  add_bench_options(command, *options);
  add_load_options(command, *options);
  command.add("--producers", options->load.producers, "threads that append (default 1)")
      .between(1, 64)
      .shown_as("N");
  command.add("--batch", options->load.batch, "records an append call (default 1)")
      .between(1, 65536)
      .shown_as("N");
  command.add_flag("--reserve", options->load.reserve, "write records in place (with --batch 1)");
  command.add("--records-per-second", options->load.records_per_second, "limit the rate (default: flat out)")
      .between(0.0, 1e9)
      .shown_as("N");
  command.add("--baseline", options->baselines, "also run this; may be repeated")
      .one_of({"bare", "mutex", "unordered", "raw"})
      .shown_as("bare|mutex|unordered|raw");
  command.add("--plot", options->plot, "draw the latencies into this file (SVG)").shown_as("FILE");
  command.runs([options] { return bench_append(*options); }, exit_code);
}

}  // namespace varve::cli
