// The workloads of `varve bench`, each in a file of its own, and what they share.
#pragma once

#include <memory>
#include <string>

#include "bench/load.h"
#include "bench/recorder.h"
#include "cli/exit_codes.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "varve/store.h"
#include "varve/writer.h"

namespace varve::cli {

class Command;

/// What every workload is told.
struct BenchOptions {
  std::string store;
  std::string record_bytes = "100";
  bench::Load load;
  WriterOptions writer;
  std::uint32_t rounds = 3;
  bool json = false;

  /// Opens the store and completes the load from its texts.
  Result<std::shared_ptr<Store>> prepare();
};

/// --store, --rounds, --json.
void add_bench_options(Command& command, BenchOptions& options);
/// --record-bytes, --seconds, --bytes, and how the writer collects and uploads.
void add_load_options(Command& command, BenchOptions& options);

/// A line that says which round it is, and how far, with the present rate.
class RoundProgress {
 public:
  RoundProgress(std::string what, const bench::Live& live);

 private:
  Progress progress_;
};

/// "1.25 ms", "340 us", "2.1 s"; "-" for none.
[[nodiscard]] std::string human_micros(const bench::Histogram& micros, double share);

/// Keys of a latency: NAME_p50_us and so on.
void add_latency(nlohmann::ordered_json& json, const std::string& name, const bench::Histogram& micros);
/// Keys of requests and what they cost.
void add_use(nlohmann::ordered_json& json, const bench::StoreUse& use);

void add_bench_append(Command& bench, ExitCode& exit_code);
void add_bench_compression(Command& bench, ExitCode& exit_code);
void add_bench_machine(Command& bench, ExitCode& exit_code);
void add_bench_recover(Command& bench, ExitCode& exit_code);
void add_bench_tail(Command& bench, ExitCode& exit_code);
void add_bench_mirror(Command& bench, ExitCode& exit_code);
void add_bench_open(Command& bench, ExitCode& exit_code);
void add_bench_seek(Command& bench, ExitCode& exit_code);

}  // namespace varve::cli
