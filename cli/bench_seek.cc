// varve bench seek: what it costs to begin reading somewhere in a long log.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "bench/seek.h"
#include "cli/arguments.h"
#include "cli/bench.h"
#include "cli/human.h"
#include "cli/report.h"

namespace varve::cli {
namespace {

constexpr const char* bench_seek_about =
    R"(Count round trips of beginning to read in the middle of logs that have so many objects.

By offset and by time, as `varve cat --from` and `--since` do, and of reading single records, as `varve get`
does. The logs are made in memory, with one record in each object. Round trips are requests that had to wait
for one another; the figures are the most that any of the places tried took.)";

constexpr const char* bench_seek_examples =
    R"(  varve bench seek
  varve bench seek --objects 1000000 --samples 20 --json)";

struct SeekOptions {
  std::vector<std::uint64_t> objects;
  std::uint32_t samples = 5;
  bool json = false;
};

nlohmann::ordered_json to_json(std::uint64_t objects, const bench::SeekFigures& figures) {
  nlohmann::ordered_json json{{"objects", objects}};
  const auto add = [&json](const std::string& name, const bench::SeekCost& cost) {
    json[name + "_round_trips"] = cost.round_trips;
    json[name + "_requests"] = cost.requests;
  };
  add("by_offset", figures.by_offset);
  add("by_time", figures.by_time);
  add("one_record", figures.one_record);
  add("next_record", figures.next_record);
  return json;
}

ExitCode bench_seek(SeekOptions& options) {
  if (options.objects.empty()) options.objects = {100, 1'000, 10'000, 100'000};
  std::vector<std::pair<std::uint64_t, bench::SeekFigures>> logs;
  for (const std::uint64_t objects : options.objects) {
    bench::Live live;
    const RoundProgress progress(fmt::format("seeking in {}", counted(objects, "object")), live);
    const auto figures = bench::seek_in_many(objects, options.samples, live);
    if (!figures) return report(figures.error());
    logs.emplace_back(objects, *figures);
  }
  if (options.json) {
    nlohmann::ordered_json json{{"samples", options.samples}};
    for (const auto& [objects, figures] : logs) json["logs"].push_back(to_json(objects, figures));
    print_json(json);
    return ExitCode::fine;
  }
  const auto cell = [](const bench::SeekCost& cost) {
    return fmt::format("{} ({})", cost.round_trips, cost.requests);
  };
  fmt::print("round trips (requests)\n{:>14} {:>12} {:>12} {:>12} {:>12}\n", "objects", "by offset",
             "by time", "one record", "the next");
  for (const auto& [objects, figures] : logs) {
    fmt::print("{:>14} {:>12} {:>12} {:>12} {:>12}\n", with_commas(objects), cell(figures.by_offset),
               cell(figures.by_time), cell(figures.one_record), cell(figures.next_record));
  }
  return ExitCode::fine;
}

}  // namespace

void add_bench_seek(Command& bench, ExitCode& exit_code) {
  auto options = std::make_shared<SeekOptions>();
  Command command = bench.add_command("seek", bench_seek_about, bench_seek_examples);
  command.add("--objects", options->objects, "a log of so many; may be repeated (default 100 to 100000)")
      .between(2, 10'000'000)
      .shown_as("N");
  command.add("--samples", options->samples, "how many places are sought (default 5)")
      .between(1, 1000)
      .shown_as("N");
  command.add_json(options->json);
  command.runs([options] { return bench_seek(*options); }, exit_code);
}

}  // namespace varve::cli
