// varve bench mirror: how fast a log is copied.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "bench/mirror.h"
#include "cli/arguments.h"
#include "cli/bench.h"
#include "cli/human.h"
#include "cli/report.h"

namespace varve::cli {
namespace {

constexpr const char* bench_mirror_about =
    R"(Measure mirroring a whole log, against raw GETs and PUTs of the same objects.

The log is written first. The mirror verifies each record's checksum and puts in the log's order, within
its window; the raw copy verifies nothing, and puts in any order. Both copy within one store.)";

constexpr const char* bench_mirror_examples =
    R"(  varve bench mirror --store file:///var/tmp --bytes 1GiB --record-bytes 1KiB
  varve bench mirror --store 'mem://s3like?put=40ms,80ms,150ms&get=30ms,60ms,100ms' --bytes 1GiB)";

struct MirrorBenchOptions : BenchOptions {
  MirrorOptions mirror;
  std::uint32_t in_flight = 64;
};

struct Rounds {
  std::vector<bench::Figures> mirrored;
  std::vector<bench::Figures> raw;

  [[nodiscard]] static const bench::Figures& best(const std::vector<bench::Figures>& rounds) {
    return *std::ranges::max_element(rounds, {}, &bench::Figures::bytes_per_second);
  }
  /// The median of the rounds.
  [[nodiscard]] double ratio_to_raw() const {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      ratios.push_back(mirrored[i].bytes_per_second() / raw[i].bytes_per_second());
    }
    std::ranges::nth_element(ratios, ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2));
    return ratios[ratios.size() / 2];
  }
};

Result<Rounds> measure(MirrorBenchOptions& options) {
  const auto store = options.prepare();
  if (!store) return store.error();
  bench::Live live;
  const auto log = [&] {
    const RoundProgress progress("writing what is to be mirrored", live);
    return bench::WrittenLog::write(*store, options.load, options.writer, live);
  }();
  if (!log) return log.error();
  Rounds rounds;
  const auto mirror = [&] { return bench::mirror_once(*log, *store, options.mirror); };
  const auto copy = [&] { return bench::copy_raw(*log, *store, options.in_flight); };
  // Who copies first pays for pages that the system has not lent before. So one round is for nothing, and in
  // the others they take turns at going first.
  for (std::uint32_t round = 0; round <= options.rounds; ++round) {
    const RoundProgress progress(round == 0 ? "a round that does not count"
                                            : fmt::format("round {} of {}, mirroring", round, options.rounds),
                                 live);
    const bool raw_first = round % 2 == 0;
    const auto first = raw_first ? copy() : mirror();
    if (!first) return first.error();
    const auto second = raw_first ? mirror() : copy();
    if (!second) return second.error();
    if (round == 0) continue;
    rounds.mirrored.push_back(raw_first ? *second : *first);
    rounds.raw.push_back(raw_first ? *first : *second);
  }
  return rounds;
}

ExitCode bench_mirror(MirrorBenchOptions& options) {
  const auto rounds = measure(options);
  if (!rounds) return report(rounds.error());
  const bench::Figures& mirrored = Rounds::best(rounds->mirrored);
  const bench::Figures& raw = Rounds::best(rounds->raw);
  if (options.json) {
    nlohmann::ordered_json json{{"store", options.store},
                                {"rounds", options.rounds},
                                {"objects", mirrored.records},
                                {"bytes", mirrored.bytes},
                                {"bytes_per_second", mirrored.bytes_per_second()},
                                {"cpu_seconds_per_gib", mirrored.per_gib(mirrored.cpu_seconds)},
                                {"peak_memory_bytes", mirrored.peak_memory_bytes},
                                {"raw_bytes_per_second", raw.bytes_per_second()},
                                {"raw_cpu_seconds_per_gib", raw.per_gib(raw.cpu_seconds)},
                                {"ratio_to_raw", rounds->ratio_to_raw()}};
    print_json(json);
    return ExitCode::fine;
  }
  const auto line = [](const char* name, const bench::Figures& figures) {
    fmt::print("{:<9} {:>10.1f} MB/s {:>8.2f} CPU s/GiB\n", name, figures.bytes_per_second() / 1e6,
               figures.per_gib(figures.cpu_seconds));
  };
  line("mirror", mirrored);
  line("raw", raw);
  fmt::print("\nmirror against raw {:.2f} x; {}, {}; best of {}; every record was verified\n",
             rounds->ratio_to_raw(), counted(mirrored.records, "object"), human_bytes(mirrored.bytes),
             counted(options.rounds, "round"));
  return ExitCode::fine;
}

}  // namespace

void add_bench_mirror(Command& bench, ExitCode& exit_code) {
  auto options = std::make_shared<MirrorBenchOptions>();
  Command command = bench.add_command("mirror", bench_mirror_about, bench_mirror_examples);
  add_bench_options(command, *options);
  add_load_options(command, *options);
  command.add("--in-flight", options->in_flight, "objects that the raw copy has under way (default 64)")
      .between(1, 1024)
      .shown_as("N");
  command.add("--fetch", options->mirror.fetch_objects, "GETs that the mirror has in flight (default 64)")
      .between(1, 256)
      .shown_as("N");
  command.add("--bytes-max", options->mirror.bytes_max, "memory of the mirror for objects (default 256MiB)")
      .in_bytes(std::uint64_t{1} << 20, std::uint64_t{1} << 40);
  command.runs([options] { return bench_mirror(*options); }, exit_code);
}

}  // namespace varve::cli
