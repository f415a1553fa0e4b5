// varve bench compression: what each codec gives and costs, and whether `adaptive` picks the best.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/compression.h"
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
Lines of a limited speed are simulated over a store in memory.)";

constexpr const char* bench_compression_examples =
    R"(  varve bench compression                                  everything, in some three minutes
  varve bench compression --corpus logs --line 50MB --rounds 3
  varve bench compression --corpus random --line 0 --json   0: a line without limit)";

struct CompressionBenchOptions {
  std::vector<std::string> corpora;
  std::vector<std::string> lines{"50MB", "500MB", "0"};
  double seconds = 0.8;
  double rate_mb = 20;
  std::uint32_t rounds = 1;
  std::uint32_t producers = 2;
  std::uint64_t bytes_max = std::uint64_t{1} << 30;
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

struct CorpusScore {
  std::string corpus;
  std::string line;
  Codec codec{};
  bench::CompressionFigures flat_out;  // the fastest round
  bench::CompressionFigures at_rate;   // the round with the lowest median
};

Result<CorpusScore> measure(const bench::Corpus& corpus, const std::string& line, const Codec& codec,
                            const CompressionBenchOptions& options, bench::Live& live) {
  const std::string uri = line == "0" ? "mem://bench" : "mem://bench?bandwidth=" + line;
  const auto store = open_store(uri);
  if (!store) return store.error();
  bench::CompressionTrial trial{.store = *store, .corpus = &corpus, .writer = {}};
  trial.writer.batch_bytes = options.batch_bytes;
  trial.writer.buffered_bytes_max = 24 * options.batch_bytes;
  trial.writer.compression = codec.compression;
  trial.writer.compression_level = codec.level;
  trial.producers = options.producers;
  trial.bytes_max = options.bytes_max;
  trial.seconds = options.seconds;
  CorpusScore score{.corpus = corpus.name, .line = line, .codec = codec, .flat_out = {}, .at_rate = {}};
  for (std::uint32_t round = 0; round < options.rounds; ++round) {
    trial.bytes_per_second = 0;
    auto flat_out = bench::compress_once(trial, live);
    if (!flat_out) return flat_out.error();
    trial.bytes_per_second = options.rate_mb * 1e6;
    auto at_rate = bench::compress_once(trial, live);
    if (!at_rate) return at_rate.error();
    if (round == 0 || flat_out->bytes_per_second() > score.flat_out.bytes_per_second())
      score.flat_out = *std::move(flat_out);
    if (round == 0 || at_rate->ack_us.percentile(0.5) < score.at_rate.ack_us.percentile(0.5))
      score.at_rate = *std::move(at_rate);
  }
  return score;
}

/// The cells' scores, codec by codec.
Result<std::vector<CorpusScore>> measure_all(const CompressionBenchOptions& options) {
  std::vector<std::string> names = options.corpora;
  if (names.empty()) names.assign(bench::corpus_names().begin(), bench::corpus_names().end());
  std::vector<CorpusScore> scores;
  bench::Live live;
  for (const std::string& name : names) {
    const auto corpus = bench::load_corpus(name, corpus_bytes_max);
    if (!corpus) return corpus.error();
    for (const std::string& line : options.lines) {
      for (const Codec& codec : codecs) {
        const RoundProgress progress(fmt::format("{}, line {}, {}", name, line, codec.name), live);
        auto score = measure(*corpus, line, codec, options, live);
        if (!score) return score.error();
        scores.push_back(*std::move(score));
      }
    }
  }
  return scores;
}

/// Of the cell that ends with `adaptive`: its throughput and latency against the best of the fixed codecs.
struct Standing {
  double throughput = 0;
  double latency = 0;
};
Standing standing_of(std::span<const CorpusScore> cell) {
  double fastest = 0;
  std::uint64_t soonest = UINT64_MAX;
  for (const CorpusScore& score : cell.first(cell.size() - 1)) {
    fastest = std::max(fastest, score.flat_out.bytes_per_second());
    soonest = std::min(soonest, score.at_rate.ack_us.percentile(0.5));
  }
  return {.throughput = cell.back().flat_out.bytes_per_second() / fastest,
          .latency = static_cast<double>(cell.back().at_rate.ack_us.percentile(0.5)) /
                     static_cast<double>(std::max<std::uint64_t>(1, soonest))};
}

std::string line_name(const std::string& line) { return line == "0" ? "no limit" : line + "/s"; }

nlohmann::ordered_json as_json(const std::vector<CorpusScore>& scores,
                               const CompressionBenchOptions& options) {
  nlohmann::ordered_json json{{"producers", options.producers},
                              {"batch_bytes", options.batch_bytes},
                              {"rounds", options.rounds},
                              {"seconds", options.seconds},
                              {"rate_mb_per_second", options.rate_mb}};
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const CorpusScore& score = scores[i];
    const auto& flat_out = score.flat_out;
    nlohmann::ordered_json row{
        {"corpus", score.corpus},
        {"line", line_name(score.line)},
        {"way", score.codec.name},
        {"ratio", flat_out.ratio()},
        {"bytes_per_second", flat_out.bytes_per_second()},
        {"cpu_seconds_per_gib", flat_out.cpu_seconds * (1 << 30) / static_cast<double>(flat_out.bytes)}};
    add_latency(row, "ack", score.at_rate.ack_us);
    if (score.codec.compression == Compression::adaptive) {
      const Standing standing =
          standing_of(std::span(scores).subspan(i + 1 - std::size(codecs), std::size(codecs)));
      row["throughput_to_best"] = standing.throughput;
      row["ack_p50_to_best"] = standing.latency;
    }
    json["rows"].push_back(row);
  }
  return json;
}

void print_corpora(const std::vector<CorpusScore>& scores) {
  fmt::print("{:<11} {:<9} {:<9} {:>6} {:>8} {:>10} {:>10} {:>10}\n", "", "line", "", "ratio", "MB/s",
             "CPU s/GiB", "ack p50", "p99");
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const CorpusScore& score = scores[i];
    const auto& flat_out = score.flat_out;
    fmt::print("{:<11} {:<9} {:<9} {:>6.2f} {:>8.0f} {:>10.2f} {:>10} {:>10}", score.corpus,
               line_name(score.line), score.codec.name, flat_out.ratio(), flat_out.bytes_per_second() / 1e6,
               flat_out.cpu_seconds * (1 << 30) / static_cast<double>(flat_out.bytes),
               human_micros(score.at_rate.ack_us, 0.5), human_micros(score.at_rate.ack_us, 0.99));
    if (score.codec.compression == Compression::adaptive) {
      const Standing standing =
          standing_of(std::span(scores).subspan(i + 1 - std::size(codecs), std::size(codecs)));
      fmt::print("  {:.2f} x the fastest, {:.2f} x the lowest p50\n", standing.throughput, standing.latency);
    }
    fmt::print("\n");
  }
  fmt::print("ratio and MB/s flat out, ack at a rate; every record was read back\n");
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
  command.add("--seconds", options->seconds, "how long a run appends (0.8)").between(0.1, 60).shown_as("S");
  command.add("--bytes", options->bytes_max, "end a run after so much, too (1GiB)").in_bytes(1, UINT64_MAX);
  command.add("--rate-mb", options->rate_mb, "MB/s appended where latency is measured (20)")
      .between(0.001, 1e5)
      .shown_as("N");
  command.add("--batch-bytes", options->batch_bytes, "as for `append` (2MiB)").in_bytes(64 << 10, 64 << 20);
  command.add("--producers", options->producers, "threads that append (2)").between(1, 64).shown_as("N");
  command.add("--rounds", options->rounds, "runs of each, of which the best counts (1)")
      .between(1, 100)
      .shown_as("N");
  command.add_json(options->json);
  command.runs([options] { return bench_compression(*options); }, exit_code);
}

}  // namespace varve::cli
