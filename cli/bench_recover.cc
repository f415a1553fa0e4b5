// varve bench recover: how fast a log is read back.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "bench/recover.h"
#include "cli/arguments.h"
#include "cli/bench.h"
#include "cli/human.h"
#include "cli/report.h"

namespace varve::cli {
namespace {

constexpr const char* bench_recover_about =
    R"(Measure reading a whole log, against raw parallel GETs of the same objects.

The log is written first, and every record of it compared. The reader verifies each record's checksum;
the raw GETs verify nothing.)";

constexpr const char* bench_recover_examples =
    R"(  varve bench recover --store file:///var/tmp --bytes 1GiB --record-bytes 1KiB
  varve bench recover --store 'mem://s3like?get=30ms,60ms,100ms&bandwidth=1GiB' --bytes 2GiB)";

struct RecoverOptions : BenchOptions {
  ReaderOptions reader = {.from = 0};
};

struct RecoverRounds {
  std::vector<bench::Figures> read;
  std::vector<bench::Figures> raw;
  double stored_share = 0;  // payload bytes as a share of what is stored

  [[nodiscard]] static const bench::Figures& best(const std::vector<bench::Figures>& rounds) {
    return *std::ranges::max_element(rounds, {}, &bench::Figures::bytes_per_second);
  }
  /// In stored bytes a second; the median of the rounds.
  [[nodiscard]] double ratio_to_raw() const {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < read.size(); ++i) {
      ratios.push_back(read[i].bytes_per_second() / stored_share / raw[i].bytes_per_second());
    }
    std::ranges::nth_element(ratios, ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2));
    return ratios[ratios.size() / 2];
  }
};

Result<RecoverRounds> measure(RecoverOptions& options) {
  const auto store = options.prepare();
  if (!store) return store.error();
  bench::Live live;
  const auto log = [&] {
    const RoundProgress progress("writing what is to be read", live);
    return bench::WrittenLog::write(*store, options.load, options.writer, live);
  }();
  if (!log) return log.error();
  RecoverRounds rounds;
  for (std::uint32_t round = 1; round <= options.rounds; ++round) {
    const RoundProgress progress(fmt::format("round {} of {}, reading", round, options.rounds), live);
    const auto read = log->read(options.reader, live);
    if (!read) return read.error();
    const auto raw = log->get(options.reader.read_ahead_objects);
    if (!raw) return raw.error();
    rounds.stored_share = static_cast<double>(read->bytes) / static_cast<double>(raw->bytes);
    rounds.read.push_back(*read);
    rounds.raw.push_back(*raw);
  }
  return rounds;
}

ExitCode bench_recover(RecoverOptions& options) {
  const auto rounds = measure(options);
  if (!rounds) return report(rounds.error());
  const bench::Figures& read = RecoverRounds::best(rounds->read);
  const bench::Figures& raw = RecoverRounds::best(rounds->raw);
  if (options.json) {
    nlohmann::ordered_json json{{"store", options.store},
                                {"record_bytes", options.record_bytes},
                                {"rounds", options.rounds},
                                {"records", read.records},
                                {"bytes", read.bytes},
                                {"records_per_second", read.records_per_second()},
                                {"bytes_per_second", read.bytes_per_second()},
                                {"cpu_seconds_per_gib", read.per_gib(read.cpu_seconds)},
                                {"peak_memory_bytes", read.peak_memory_bytes},
                                {"raw_bytes_per_second", raw.bytes_per_second()},
                                {"ratio_to_raw", rounds->ratio_to_raw()}};
    add_use(json, read.use);
    print_json(json);
    return ExitCode::fine;
  }
  fmt::print("read      {:>14} records/s {:>10.1f} MB/s {:>8.2f} CPU s/GiB\n",
             with_commas(static_cast<std::uint64_t>(read.records_per_second())),
             read.bytes_per_second() / 1e6, read.per_gib(read.cpu_seconds));
  fmt::print("raw GETs  {:>14} objects/s {:>10.1f} MB/s\n",
             with_commas(static_cast<std::uint64_t>(raw.records_per_second())), raw.bytes_per_second() / 1e6);
  fmt::print("\nread against raw {:.2f} x (stored bytes); {}, {}; best of {}; every record was verified\n",
             rounds->ratio_to_raw(), counted(read.use.gets, "GET"), counted(read.use.lists, "LIST"),
             counted(options.rounds, "round"));
  return ExitCode::fine;
}

}  // namespace

void add_bench_recover(Command& bench, ExitCode& exit_code) {
  auto options = std::make_shared<RecoverOptions>();
  Command command = bench.add_command("recover", bench_recover_about, bench_recover_examples);
  add_bench_options(command, *options);
  add_load_options(command, *options);
  command.add("--read-ahead-bytes", options->reader.read_ahead_bytes, "fetched ahead at most (default 64MiB)")
      .in_bytes(1, UINT64_MAX);
  command.add("--read-ahead", options->reader.read_ahead_objects, "GETs in flight (default 16)")
      .between(1, 256)
      .shown_as("N");
  command.runs([options] { return bench_recover(*options); }, exit_code);
}

}  // namespace varve::cli
