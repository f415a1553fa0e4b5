// varve bench tail: how far behind a follower is.
#include <fmt/format.h>

#include "bench/tail.h"
#include "cli/arguments.h"
#include "cli/bench.h"
#include "cli/human.h"
#include "cli/report.h"

namespace varve::cli {
namespace {

constexpr const char* bench_tail_about =
    R"(Measure how long records take to a reader that follows the log.

As in the writer's process, where the writer wakes the reader; or, with --by-polling, as in any other,
where the reader asks the store every so often.)";

constexpr const char* bench_tail_examples =
    R"(  varve bench tail --store mem://bench
  varve bench tail --store mem://bench --by-polling --poll-ms 10)";

struct TailOptions : BenchOptions {
  std::uint32_t poll_ms = 100;
  bool by_polling = false;
};

Result<bench::TailFigures> measure(TailOptions& options) {
  const auto store = options.prepare();
  if (!store) return store.error();
  if (options.load.records_per_second * options.load.seconds < 1) {
    return Error(Code::invalid_argument, "not one record in that time at that rate: raise one of them");
  }
  bench::Live live;
  const RoundProgress progress("appending and following", live);
  return bench::tail_once({.store = *store,
                           .load = options.load,
                           .writer = options.writer,
                           .poll_ms = options.poll_ms,
                           .wake = !options.by_polling},
                          live);
}

ExitCode bench_tail(TailOptions& options) {
  const auto figures = measure(options);
  if (!figures) return report(figures.error());
  if (options.json) {
    nlohmann::ordered_json json{{"store", options.store},
                                {"record_bytes", options.record_bytes},
                                {"records_per_second", options.load.records_per_second},
                                {"poll_ms", options.poll_ms},
                                {"by_polling", options.by_polling},
                                {"records", figures->records}};
    add_latency(json, "append_to_read", figures->append_to_read_us);
    add_latency(json, "ack", figures->append_to_ack_us);
    add_latency(json, "ack_to_read", figures->ack_to_read_us);
    add_latency(json, "get", figures->get_us);
    add_use(json, figures->use);
    print_json(json);
    return ExitCode::fine;
  }
  const auto line = [](const char* what, const bench::Histogram& micros) {
    fmt::print("{:<24} {:>10} {:>10} {:>10} {:>10}\n", what, human_micros(micros, 0.5),
               human_micros(micros, 0.99), human_micros(micros, 0.999), human_micros(micros, 1));
  };
  fmt::print("{:<24} {:>10} {:>10} {:>10} {:>10}\n", "", "p50", "p99", "p99.9", "max");
  line("append to read", figures->append_to_read_us);
  line("append to acknowledged", figures->append_to_ack_us);
  line("acknowledged to read", figures->ack_to_read_us);
  line("one GET", figures->get_us);
  fmt::print("\n{}, all of them read as they were appended; {}, {}\n", counted(figures->records, "record"),
             counted(figures->use.puts, "PUT"), counted(figures->use.gets, "GET"));
  return ExitCode::fine;
}

}  // namespace

void add_bench_tail(Command& bench, ExitCode& exit_code) {
  auto options = std::make_shared<TailOptions>();
  options->load.records_per_second = 1000;
  Command command = bench.add_command("tail", bench_tail_about, bench_tail_examples);
  add_bench_options(command, *options);
  add_load_options(command, *options);
  command.add("--records-per-second", options->load.records_per_second, "(default 1000)")
      .between(0.001, 1e6)
      .shown_as("N");
  command.add("--poll-ms", options->poll_ms, "how often the reader asks at the tail (default 100)")
      .between(1, 60'000)
      .shown_as("MS");
  command.add_flag("--by-polling", options->by_polling, "the writer does not wake the reader");
  command.runs([options] { return bench_tail(*options); }, exit_code);
}

}  // namespace varve::cli
