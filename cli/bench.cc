// varve bench: how fast is it here, on this store?
#include "cli/bench.h"

#include <fmt/format.h>

#include <chrono>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/human.h"

namespace varve::cli {
namespace {

constexpr const char* bench_about =
    R"(Measure appending, compressing, reading, following, opening, seeking, and the machine itself.

Each workload runs several rounds in a log of its own under the store, deleted afterwards, and verifies
what it wrote: a run whose records do not come back right prints no figure. Baselines run in the same
rounds, in turn, so that the ratios hold on a noisy machine.)";

constexpr const char* bench_examples =
    R"(  varve bench append --store mem://bench --baseline bare --baseline mutex
  varve bench recover --store file:///var/tmp --bytes 1GiB
  varve bench tail --store 'mem://s3like?put=100ms,195ms,274ms&get=30ms,60ms,100ms' --records-per-second 100
  varve bench open --store mem://bench --objects 10 --objects 1000000)";

// In memory a run must fit there. Elsewhere its time ends it.
constexpr std::uint64_t bytes_max_in_memory = std::uint64_t{4} << 30;

}  // namespace

Result<std::shared_ptr<Store>> BenchOptions::prepare() {
  const auto sizes = bench::RecordSizes::parse(record_bytes);
  if (!sizes) return sizes.error();
  load.sizes = *sizes;
  if (load.bytes_max == UINT64_MAX && store.starts_with("mem:")) load.bytes_max = bytes_max_in_memory;
  return open_store(store);
}

void add_bench_options(Command& command, BenchOptions& options) {
  command.add("--store", options.store, "a store's URI, as in file:///var/tmp").required().shown_as("URI");
  command.add("--rounds", options.rounds, "how many runs of each (default 3)").between(1, 100).shown_as("N");
  command.add_json(options.json);
}

void add_load_options(Command& command, BenchOptions& options) {
  command
      .add("--record-bytes", options.record_bytes,
           "size of the records (default 100); \"100-4KiB\": any between;\n"
           "\"100:9,4KiB:1\": nine in ten, one in ten")
      .shown_as("SIZES");
  command.add("--seconds", options.load.seconds, "how long a run appends (default 3)")
      .between(0.1, 3600)
      .shown_as("S");
  command.add("--bytes", options.load.bytes_max, "end a run after so much, too (default: 4GiB on mem://)")
      .in_bytes(1, UINT64_MAX);
  command.add("--batch-bytes", options.writer.batch_bytes, "as for `append` (default 8MiB)")
      .in_bytes(64 << 10, 64 << 20);
  command
      .add("--buffered-bytes", options.writer.buffered_bytes_max,
           "appended and not acknowledged, at most (default 512MiB)")
      .in_bytes(64 << 10, UINT64_MAX);
  command.add("--window", options.writer.window, "objects in flight (default 64)")
      .between(1, 1024)
      .shown_as("W");
  command.add("--uploads", options.writer.uploads_max, "uploaded at once (default: as the window)")
      .between(1, 1024)
      .shown_as("N");
  command.add("--linger-ms", options.writer.linger_ms, "as for `append` (default 2)").in_milliseconds(60'000);
  command.add_compression(options.writer);
}

RoundProgress::RoundProgress(std::string what, const bench::Live& live)
    : progress_([what = std::move(what), &live, began = bench::Clock::now()] {
        const double seconds = std::chrono::duration<double>(bench::Clock::now() - began).count();
        const std::uint64_t records = live.records.load(std::memory_order_relaxed);
        const std::uint64_t bytes = live.bytes.load(std::memory_order_relaxed);
        const std::string rate = bytes == 0 ? "" : ", " + human_rate(bytes, seconds);
        return fmt::format("{}: {}{}", what, counted(records, "record"), rate);
      }) {}

std::string human_micros(const bench::Histogram& micros, double share) {
  if (micros.count() == 0) return "-";
  const auto value = static_cast<double>(micros.percentile(share));
  if (value < 1000) return fmt::format("{:.0f} us", value);
  return value < 1e6 ? fmt::format("{:.2f} ms", value / 1e3) : fmt::format("{:.2f} s", value / 1e6);
}

void add_latency(nlohmann::ordered_json& json, const std::string& name, const bench::Histogram& micros) {
  if (micros.count() == 0) return;
  json[name + "_p50_us"] = micros.percentile(0.5);
  json[name + "_p99_us"] = micros.percentile(0.99);
  json[name + "_p999_us"] = micros.percentile(0.999);
  json[name + "_max_us"] = micros.max();
}

void add_use(nlohmann::ordered_json& json, const bench::StoreUse& use) {
  json["puts"] = use.puts;
  json["gets"] = use.gets;
  json["lists"] = use.lists;
  json["removes"] = use.removes;
  json["store_cost_usd"] = use.dollars();
}

void add_bench(Command& commands, ExitCode& exit_code) {
  Command command = commands.add_command("bench", bench_about, bench_examples);
  command.needs_subcommand();
  add_bench_append(command, exit_code);
  add_bench_compression(command, exit_code);
  add_bench_recover(command, exit_code);
  add_bench_tail(command, exit_code);
  add_bench_open(command, exit_code);
  add_bench_machine(command, exit_code);
  add_bench_mirror(command, exit_code);
  add_bench_seek(command, exit_code);
}

}  // namespace varve::cli
