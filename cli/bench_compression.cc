// varve bench compression: what each codec gives and costs, and whether `adaptive` picks the best.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/compression.h"
#include "bench/standing.h"
#include "cli/arguments.h"
#include "cli/bench.h"
#include "cli/human.h"
#include "cli/report.h"

namespace varve::cli {
namespace {

constexpr const char* bench_compression_about =
    R"(Measure compression on real bytes, over lines of different speed.

Corpora are made of files that Debian packages have installed here: log files, JSON, source text, files
that are compressed already; and of random bytes. Each is appended uncompressed, with each codec and with
`adaptive`: flat out, which gives throughput, and at a rate, which gives how long an acknowledgement takes.
The ways take turns, round by round.
Lines of a limited speed are simulated over a store in memory.)";

constexpr const char* bench_compression_examples =
    R"(  varve bench compression                                  everything, in some sixteen minutes
  varve bench compression --corpus logs --line 50MB --rounds 9
  varve bench compression --corpus random --line 0 --json   0: a line without limit)";

struct CompressionBenchOptions {
  std::vector<std::string> corpora;
  std::vector<std::string> lines{"50MB", "500MB", "0"};
  double seconds = 1.5;
  double seconds_at_rate = 0.8;
  double rate_mb = 20;
  std::uint32_t rounds = 3;
  std::uint32_t producers = 2;
  std::uint64_t bytes_max = std::uint64_t{2} << 30;
  std::uint64_t batch_bytes = std::uint64_t{2} << 20;
  bool json = false;
};

struct Codec {
  const char* name;
  Compression compression;
  int level;
};
constexpr Codec codecs[] = {{"none", Compression::none, 0},
                            {"lz4", Compression::lz4, 0},
                            {"zstd 1", Compression::zstd, 1},
                            {"zstd 3", Compression::zstd, 3},
                            {"adaptive", Compression::adaptive, 0}};

// A cell's corpus is held, and cut into records, once.
constexpr std::size_t corpus_bytes_max = std::size_t{16} << 20;

/// One way, in one cell: round by round.
struct WayScore {
  std::string corpus;
  std::string line;
  Codec codec{};
  std::vector<double> ratios;
  std::vector<double> bytes_per_second;
  std::vector<double> cpu_seconds_per_gib;
  std::vector<double> ack_p50_us;
  bench::Histogram ack_us;  // of all rounds

  void add_flat_out(const bench::CompressionFigures& figures) {
    ratios.push_back(figures.ratio());
    bytes_per_second.push_back(figures.bytes_per_second());
    cpu_seconds_per_gib.push_back(figures.cpu_seconds * (1 << 30) / static_cast<double>(figures.bytes));
  }
  void add_at_rate(const bench::CompressionFigures& figures) {
    ack_p50_us.push_back(std::max(1.0, static_cast<double>(figures.ack_us.percentile(0.5))));
    ack_us.add(figures.ack_us);
  }
};

bench::CompressionTrial trial_of(const bench::Corpus& corpus, std::shared_ptr<Store> store,
                                 const CompressionBenchOptions& options) {
  bench::CompressionTrial trial{.store = std::move(store), .corpus = &corpus, .writer = {}};
  trial.writer.batch_bytes = options.batch_bytes;
  trial.writer.buffered_bytes_max = 24 * options.batch_bytes;
  trial.producers = options.producers;
  trial.bytes_max = options.bytes_max;
  trial.seconds = options.seconds;
  return trial;
}

/// Runs of all ways, in turn: round by round, each round beginning with another.
Result<void> measure_in_turns(bench::CompressionTrial trial, const CompressionBenchOptions& options,
                              std::span<WayScore> cell, bench::Live& live) {
  for (std::uint32_t round = 0; round < options.rounds; ++round) {
    for (const double rate : {0.0, options.rate_mb * 1e6}) {
      trial.bytes_per_second = rate;
      trial.seconds = rate > 0 ? options.seconds_at_rate : options.seconds;
      for (std::size_t turn = 0; turn < cell.size(); ++turn) {
        WayScore& score = cell[(round + turn) % cell.size()];
        trial.writer.compression = score.codec.compression;
        trial.writer.compression_level = score.codec.level;
        const auto figures = bench::compress_once(trial, live);
        if (!figures) return figures.error();
        rate > 0 ? score.add_at_rate(*figures) : score.add_flat_out(*figures);
      }
    }
  }
  return {};
}

/// One corpus over one line. A run before those that count has the store use memory that they use again:
/// to touch it for the first time may take longer than anything that is measured.
Result<void> measure_cell(const bench::Corpus& corpus, const std::string& line,
                          const CompressionBenchOptions& options, std::vector<WayScore>& scores,
                          bench::Live& live) {
  const auto store = open_store(line == "0" ? "mem://bench" : "mem://bench?bandwidth=" + line);
  if (!store) return store.error();
  const std::size_t first = scores.size();
  for (const Codec& codec : codecs) {
    scores.emplace_back();
    scores.back().corpus = corpus.name;
    scores.back().line = line;
    scores.back().codec = codec;
  }
  const bench::CompressionTrial trial = trial_of(corpus, *store, options);
  const auto before = bench::compress_once(trial, live);
  if (!before) return before.error();
  return measure_in_turns(trial, options, std::span(scores).subspan(first), live);
}

/// The cells' scores, way by way.
Result<std::vector<WayScore>> measure_all(const CompressionBenchOptions& options) {
  std::vector<std::string> names = options.corpora;
  if (names.empty()) names.assign(bench::corpus_names().begin(), bench::corpus_names().end());
  std::vector<WayScore> scores;
  bench::Live live;
  for (const std::string& name : names) {
    const auto corpus = bench::load_corpus(name, corpus_bytes_max);
    if (!corpus) return corpus.error();
    for (const std::string& line : options.lines) {
      const RoundProgress progress(fmt::format("{}, line {}", name, line), live);
      const Result<void> measured = measure_cell(*corpus, line, options, scores, live);
      if (!measured) return measured.error();
    }
  }
  return scores;
}

/// Of the cell that ends with `adaptive`, which is not one of the others.
struct CellStanding {
  bench::ReaderStatus throughput;
  bench::ReaderStatus latency;
};
CellStanding reader_status(std::span<const WayScore> cell) {
  std::vector<std::vector<double>> rates;
  std::vector<std::vector<double>> acks;
  for (const WayScore& score : cell.first(cell.size() - 1)) {
    rates.push_back(score.bytes_per_second);
    acks.push_back(score.ack_p50_us);
  }
  return {.throughput = bench::reader_status(cell.back().bytes_per_second, rates, bench::Better::more),
          .latency = bench::reader_status(cell.back().ack_p50_us, acks, bench::Better::less)};
}

std::optional<CellStanding> standing_at(const std::vector<WayScore>& scores, std::size_t i) {
  if (scores[i].codec.compression != Compression::adaptive) return std::nullopt;
  return reader_status(std::span(scores).subspan(i + 1 - std::size(codecs), std::size(codecs)));
}

std::string line_name(const std::string& line) { return line == "0" ? "no limit" : line + "/s"; }

nlohmann::ordered_json as_json(const std::vector<WayScore>& scores, const CompressionBenchOptions& options) {
  nlohmann::ordered_json json{{"producers", options.producers},
                              {"batch_bytes", options.batch_bytes},
                              {"rounds", options.rounds},
                              {"seconds", options.seconds},
                              {"seconds_at_rate", options.seconds_at_rate},
                              {"rate_mb_per_second", options.rate_mb}};
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const WayScore& score = scores[i];
    nlohmann::ordered_json row{{"corpus", score.corpus},
                               {"line", line_name(score.line)},
                               {"way", score.codec.name},
                               {"ratio", bench::median(score.ratios)},
                               {"bytes_per_second", bench::median(score.bytes_per_second)},
                               {"cpu_seconds_per_gib", bench::median(score.cpu_seconds_per_gib)}};
    add_latency(row, "ack", score.ack_us);
    if (const auto standing = standing_at(scores, i)) {
      row["throughput_best"] = codecs[standing->throughput.best].name;
      row["throughput_to_best"] = standing->throughput.ratio;
      row["throughput_noise"] = standing->throughput.noise;
      row["ack_p50_best"] = codecs[standing->latency.best].name;
      row["ack_p50_to_best"] = standing->latency.ratio;
      row["ack_p50_noise"] = standing->latency.noise;
    }
    json["rows"].push_back(row);
  }
  return json;
}

void print_corpora(const std::vector<WayScore>& scores) {
  fmt::print("{:<11} {:<9} {:<9} {:>6} {:>8} {:>10} {:>10} {:>10}\n", "", "line", "", "ratio", "MB/s",
             "CPU s/GiB", "ack p50", "p99");
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const WayScore& score = scores[i];
    fmt::print("{:<11} {:<9} {:<9} {:>6.2f} {:>8.0f} {:>10.2f} {:>10} {:>10}", score.corpus,
               line_name(score.line), score.codec.name, bench::median(score.ratios),
               bench::median(score.bytes_per_second) / 1e6, bench::median(score.cpu_seconds_per_gib),
               human_micros(score.ack_us, 0.5), human_micros(score.ack_us, 0.99));
    if (const auto standing = standing_at(scores, i)) {
      fmt::print(
          "  {:.2f} x the fastest, {:.2f} x the lowest p50; two runs of these differ by {:.0f} and {:.0f} %",
          standing->throughput.ratio, standing->latency.ratio, 100 * standing->throughput.noise,
          100 * standing->latency.noise);
    }
    fmt::print("\n");
  }
  fmt::print("ratio and MB/s flat out, ack at a rate, medians of rounds; every record was read back\n");
}

ExitCode bench_compression(const CompressionBenchOptions& options) {
  const auto scores = measure_all(options);
  if (!scores) return report(scores.error());
  if (options.json) {
    print_json(as_json(*scores, options));
  } else {
    print_corpora(*scores);
  }
  return ExitCode::fine;
}

}  // namespace

void add_bench_compression(Command& bench, ExitCode& exit_code) {
  auto options = std::make_shared<CompressionBenchOptions>();
  Command command = bench.add_command("compression", bench_compression_about, bench_compression_examples);
  command.add("--corpus", options->corpora, "only this; may be repeated")
      .one_of({bench::corpus_names().begin(), bench::corpus_names().end()})
      .shown_as("logs|json|source|compressed|random");
  command
      .add("--line", options->lines,
           "bytes a second to the store, as in \"50MB\"; 0: no limit;\n"
           "may be repeated (50MB, 500MB and 0)")
      .shown_as("SPEED");
  command.add("--seconds", options->seconds, "how long a run appends, flat out (1.5)")
      .between(0.1, 60)
      .shown_as("S");
  command.add("--seconds-at-rate", options->seconds_at_rate, "and at a rate (0.8)")
      .between(0.1, 60)
      .shown_as("S");
  command.add("--bytes", options->bytes_max, "end a run after so much, too (2GiB)").in_bytes(1, UINT64_MAX);
  command.add("--rate-mb", options->rate_mb, "MB/s appended where latency is measured (20)")
      .between(0.001, 1e5)
      .shown_as("N");
  command.add("--batch-bytes", options->batch_bytes, "as for `append` (2MiB)").in_bytes(64 << 10, 64 << 20);
  command.add("--producers", options->producers, "threads that append (2)").between(1, 64).shown_as("N");
  command.add("--rounds", options->rounds, "runs of each way, in turns; medians count (3)")
      .between(1, 100)
      .shown_as("N");
  command.add_json(options->json);
  command.runs([options] { return bench_compression(*options); }, exit_code);
}

}  // namespace varve::cli
