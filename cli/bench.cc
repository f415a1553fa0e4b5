// varve bench: how fast is it here, on this store?
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "bench/contestant.h"
#include "bench/scratch.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/report.h"

namespace varve::cli {
namespace {

constexpr const char* about =
    R"(Measure appending on a store.

Appends for some seconds, several rounds, and reads everything back: a run whose records do not come
back right prints no figure. Baselines run in the same rounds, in turn, so that the ratios hold on a
noisy machine:
  bare    claim, copy and checksum into memory, nothing else: the speed of light here
  mutex   the textbook's locked buffer, uploading objects of the same size
It works in a log of its own under the store, deleted afterwards. On a store in memory a round must
fit there.)";

constexpr const char* examples =
    R"(  varve bench append --store mem://bench --baseline bare --baseline mutex
  varve bench append --store file:///var/tmp --record-bytes 4KiB --producers 2
  varve bench append --store 'mem://s3like?put=100ms,195ms,274ms' --records-per-second 100 --seconds 10)";

struct BenchOptions {
  std::string store;
  bench::Load load;
  WriterOptions writer;
  std::uint32_t rounds = 3;
  std::vector<std::string> baselines;
  bool json = false;
};

/// All rounds of one contestant.
struct Score {
  std::string name;
  std::vector<bench::Figures> rounds;

  [[nodiscard]] const bench::Figures& best() const {
    return *std::ranges::max_element(rounds, {}, &bench::Figures::records_per_second);
  }
};

/// Round by round, so that what disturbs the machine disturbs both.
double median_ratio(const Score& score, const Score& baseline) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < score.rounds.size(); ++i) {
    ratios.push_back(score.rounds[i].records_per_second() / baseline.rounds[i].records_per_second());
  }
  std::ranges::nth_element(ratios, ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2));
  return ratios[ratios.size() / 2];
}

Result<bench::Figures> one_run(const std::string& name, const BenchOptions& options) {
  auto scratch = bench::Scratch::make(options.store);
  if (!scratch) return scratch.error();
  std::unique_ptr<bench::Contestant> contestant;
  if (name == "bare") {
    contestant = bench::make_bare(options.writer);
  } else if (name == "mutex") {
    contestant = bench::make_mutex(scratch->log(), options.writer);
  } else {
    auto varve = bench::make_varve(scratch->log(), options.writer);
    if (!varve) return varve.error();
    contestant = *std::move(varve);
  }
  auto figures = bench::run(*contestant, options.load);
  if (!figures || contestant->log() == nullptr) return figures;
  const auto checked = bench::check_log(*contestant->log(), 0, options.load.record_bytes, figures->appended);
  return checked ? figures : Result<bench::Figures>(checked.error());
}

Result<std::vector<Score>> compete(const BenchOptions& options) {
  std::vector<Score> scores{{"varve", {}}};
  for (const std::string& baseline : options.baselines) scores.push_back({baseline, {}});
  for (std::uint32_t round = 1; round <= options.rounds; ++round) {
    for (Score& score : scores) {
      const Progress progress([&score, round, &options] {
        return fmt::format("round {} of {}: {}, {} s, then it is read back", round, options.rounds,
                           score.name, options.load.seconds);
      });
      auto figures = one_run(score.name, options);
      if (!figures) return figures.error();
      score.rounds.push_back(*std::move(figures));
    }
  }
  return scores;
}

nlohmann::ordered_json as_json(const std::vector<Score>& scores, const BenchOptions& options) {
  const bench::Figures& best = scores.front().best();
  nlohmann::ordered_json json{
      {"store", options.store},
      {"record_bytes", options.load.record_bytes},
      {"producers", options.load.producers},
      {"batch", options.load.batch},
      {"rounds", options.rounds},
      {"records", best.records},
      {"records_per_second", best.records_per_second()},
      {"bytes_per_second", best.bytes_per_second()},
      {"cpu_seconds_per_gib", best.cpu_seconds * (1 << 30) / static_cast<double>(best.bytes)},
      {"ack_p50_us", best.ack_us.percentile(0.5)},
      {"ack_p99_us", best.ack_us.percentile(0.99)},
      {"ack_p999_us", best.ack_us.percentile(0.999)},
      {"ack_max_us", best.ack_us.max()}};
  for (std::size_t i = 1; i < scores.size(); ++i) {
    json[scores[i].name + "_records_per_second"] = scores[i].best().records_per_second();
    json["ratio_to_" + scores[i].name] = median_ratio(scores.front(), scores[i]);
  }
  return json;
}

void print_table(const std::vector<Score>& scores) {
  fmt::print("{:<8} {:>14} {:>12} {:>10} {:>10} {:>10} {:>10} {:>12} {:>14}\n", "", "records/s", "MB/s",
             "ack p50", "p99", "p99.9", "max", "CPU s/GiB", "varve against");
  for (const Score& score : scores) {
    const bench::Figures& best = score.best();
    const auto ms = [&best](double share) {
      if (best.ack_us.count() == 0) return std::string("-");
      return fmt::format("{:.2f} ms", static_cast<double>(best.ack_us.percentile(share)) / 1000);
    };
    const bool is_varve = &score == &scores.front();
    fmt::print("{:<8} {:>14} {:>12.1f} {:>10} {:>10} {:>10} {:>10} {:>12.2f} {:>14}\n", score.name,
               with_commas(static_cast<std::uint64_t>(best.records_per_second())),
               best.bytes_per_second() / 1e6, ms(0.5), ms(0.99), ms(0.999), ms(1),
               best.cpu_seconds * (1 << 30) / static_cast<double>(best.bytes),
               is_varve ? "" : fmt::format("{:.2f} x", median_ratio(scores.front(), score)));
  }
  fmt::print("\nbest of {}; ratios are the median of the rounds; every record of varve was read back\n",
             counted(scores.front().rounds.size(), "round"));
}

ExitCode bench_append(const BenchOptions& options) {
  const auto scores = compete(options);
  if (!scores) return report(scores.error());
  if (options.json) {
    print_json(as_json(*scores, options));
  } else {
    print_table(*scores);
  }
  return ExitCode::fine;
}

}  // namespace

void add_bench(CLI::App& app, ExitCode& exit_code) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* const command = add_command(app, "bench", about, examples);
  command->require_subcommand(1);
  CLI::App* const append = add_command(*command, "append", about, examples);
  append->add_option("--store", options->store, "a store's URI, as in file:///var/tmp")
      ->required()
      ->type_name("URI");
  in_bytes(
      *append->add_option("--record-bytes", options->load.record_bytes, "each record's size (default 100)"),
      16, max_record_bytes);
  append->add_option("--producers", options->load.producers, "threads that append (default 1)")
      ->check(CLI::Range(1, 64).description(""))
      ->type_name("N");
  append->add_option("--batch", options->load.batch, "records an append call (default 1)")
      ->check(CLI::Range(1, 65536).description(""))
      ->type_name("N");
  append->add_flag("--reserve", options->load.reserve, "write records in place (with --batch 1)");
  append
      ->add_option("--records-per-second", options->load.records_per_second,
                   "limit the rate (default: flat out)")
      ->check(CLI::Range(0.0, 1e9).description(""))
      ->type_name("N");
  append->add_option("--seconds", options->load.seconds, "how long a run appends (default 3)")
      ->check(CLI::Range(0.1, 3600.0).description(""))
      ->type_name("S");
  append->add_option("--rounds", options->rounds, "how many runs of each (default 3)")
      ->check(CLI::Range(1, 100).description(""))
      ->type_name("N");
  append->add_option("--baseline", options->baselines, "also run this; may be repeated")
      ->check(CLI::IsMember(std::vector<std::string>{"bare", "mutex"}).description(""))
      ->type_name("bare|mutex");
  in_bytes(
      *append->add_option("--batch-bytes", options->writer.batch_bytes, "as for `append` (default 8MiB)"),
      64 << 10, 64 << 20);
  append->add_option("--window", options->writer.window, "objects in flight (default 64)")
      ->check(CLI::Range(1, 1024).description(""))
      ->type_name("W");
  in_milliseconds(
      *append->add_option("--linger-ms", options->writer.linger_ms, "as for `append` (default 2)"), 60'000);
  add_json(*append, options->json);
  append->callback([options, &exit_code] { exit_code = bench_append(*options); });
}

}  // namespace varve::cli
