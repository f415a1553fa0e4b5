// s3_put_bench: Varve's PUT path against libcurl alone, on the S3 server that the environment names
// (tools/bench-s3 starts one). Both in turn, round by round, so that what disturbs the machine disturbs
// both. Exits with 1 if Varve is further behind than it may be.
#include <fmt/format.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <functional>
#include <random>
#include <thread>

#include "bench/s3/put_path.h"
#include "object_store/blocking.h"
#include "object_store/bytes.h"

namespace varve::bench::s3 {
namespace {

constexpr std::size_t kib = 1 << 10;
constexpr std::size_t mib = 1 << 20;

// What Varve promises, as parts of what libcurl alone does.
constexpr double throughput_least = 0.95;
constexpr double p99_most = 1.10;
constexpr double cpu_most = 1.15;

/// One PUT path's rounds of one size and number in flight.
struct Score {
  std::vector<double> bytes_per_second;
  std::vector<double> p99_ms;
  std::vector<double> cpu_ms_per_mib;
};

/// Of this process, all its threads; the server is another.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// By nearest rank.
double p99(std::vector<double> values) {
  const auto rank = static_cast<std::ptrdiff_t>((values.size() * 99 + 99) / 100) - 1;
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<std::size_t>(rank)];
}

/// Round by round.
std::vector<double> ratios(const std::vector<double>& ours, const std::vector<double>& theirs) {
  std::vector<double> all;
  for (std::size_t i = 0; i < ours.size(); ++i) all.push_back(ours[i] / theirs[i]);
  return all;
}

// One that compression on the way cannot make smaller.
Bytes random_body(std::size_t bytes) {
  std::vector<std::uint64_t> words((bytes + 7) / 8);
  std::mt19937_64 random(1);
  std::generate(words.begin(), words.end(), std::ref(random));
  return object_store::copy_bytes(std::as_bytes(std::span(words)).first(bytes));
}

struct Options {
  std::uint32_t rounds = 7;
  double seconds = 2;
  std::vector<std::size_t> body_bytes = {4 * kib, mib, 8 * mib};
  std::vector<std::uint32_t> in_flight = {1, 4, 16};
  std::string alone = {};
  bool hedge = true;
};

class Bench {
 public:
  Bench(Store& store, PutPath& varve, PutPath& curl, const Options& options)
      : store_(store), varve_(varve), curl_(curl), options_(options) {}

  /// Prints a line. Nothing if the server failed; else whether Varve is near enough.
  Result<bool> compare(std::size_t body_bytes, std::uint32_t in_flight) {
    const Bytes body = random_body(body_bytes);
    Score ours;
    Score theirs;
    for (std::uint32_t round = 0; round <= options_.rounds; ++round) {
      const bool counts = round > 0;  // the first opens connections
      for (const bool varve : {round % 2 == 0, round % 2 == 1}) {
        if (options_.alone == (varve ? "curl" : "varve")) continue;
        if (auto scored = run(varve, body, in_flight, counts ? (varve ? &ours : &theirs) : nullptr); !scored)
          return scored.error();
      }
    }
    if (!options_.alone.empty()) return print_one(options_.alone == "varve" ? ours : theirs);
    return print(body_bytes, in_flight, ours, theirs);
  }

 private:
  /// One round of one path, its objects deleted afterwards.
  Result<void> run(bool varve, const Bytes& body, std::uint32_t in_flight, Score* score) {
    // The server keeps all in memory, and frees large objects with a delay.
    constexpr std::size_t bytes_max = 256 * mib;
    const std::size_t bytes = body.data.size();
    const PutLoad load{.prefix = fmt::format("put-bench-{}-{:08x}/", varve ? "varve" : "curl", random_()),
                       .body = body,
                       .in_flight = in_flight,
                       .seconds = score != nullptr ? options_.seconds : options_.seconds / 4,
                       .puts_max = std::max<std::uint64_t>(bytes_max / bytes, 4)};
    const double cpu_before = cpu_seconds();
    auto figures = (varve ? varve_ : curl_).run(load);
    const double cpu = cpu_seconds() - cpu_before;
    if (!figures) return figures.error();
    if (score != nullptr) {
      const double moved = static_cast<double>(figures->puts() * bytes);
      score->bytes_per_second.push_back(moved / figures->seconds);
      score->p99_ms.push_back(p99(figures->latencies_ms));
      score->cpu_ms_per_mib.push_back(cpu * 1000 / (moved / mib));
    }
    return remove(load.prefix, figures->puts());
  }

  Result<void> remove(const std::string& prefix, std::uint64_t count) {
    std::vector<std::string> keys;
    for (std::uint64_t i = 0; i < count; ++i) {
      keys.push_back(fmt::format("{}{}", prefix, i));
      if (keys.size() < 1000 && i + 1 < count) continue;
      if (auto removed = object_store::remove_now(store_, std::exchange(keys, {})); !removed)
        return removed.error();
    }
    return {};
  }

  bool print(std::size_t body_bytes, std::uint32_t in_flight, const Score& ours, const Score& theirs) {
    const double throughput = median(ratios(ours.bytes_per_second, theirs.bytes_per_second));
    const double latency = median(ratios(ours.p99_ms, theirs.p99_ms));
    const double cpu = median(ratios(ours.cpu_ms_per_mib, theirs.cpu_ms_per_mib));
    const bool good = throughput >= throughput_least && latency <= p99_most && cpu <= cpu_most;
    const std::string size =
        body_bytes < mib ? fmt::format("{} KiB", body_bytes / kib) : fmt::format("{} MiB", body_bytes / mib);
    fmt::print(
        "| {:>5} | {:>2} | {:7.2f} | {:7.2f} | {:5.2f} | {:7.2f} | {:7.2f} | {:5.2f} | {:7.3f} | {:7.3f} | "
        "{:5.2f} | {} |\n",
        size, in_flight, median(ours.bytes_per_second) / mib, median(theirs.bytes_per_second) / mib,
        throughput, median(ours.p99_ms), median(theirs.p99_ms), latency, median(ours.cpu_ms_per_mib),
        median(theirs.cpu_ms_per_mib), cpu, good ? "yes" : "NO");
    std::fflush(stdout);
    return good;
  }

  static bool print_one(const Score& score) {
    fmt::print("{:.2f} MiB/s, p99 {:.2f} ms, CPU {:.3f} ms/MiB\n", median(score.bytes_per_second) / mib,
               median(score.p99_ms), median(score.cpu_ms_per_mib));
    return true;
  }

  Store& store_;
  PutPath& varve_;
  PutPath& curl_;
  const Options options_;
  std::mt19937 random_{std::random_device()()};
};

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) {
    fmt::print(stderr, "s3_put_bench: {} is not set; run make bench-s3, which starts a server\n", name);
    std::exit(2);
  }
  return value;
}

int fail(const Error& error) {
  fmt::print(stderr, "s3_put_bench: {}\n", error.message());
  return 1;
}

int run(const Options& options) {
  const Bucket bucket{.endpoint = environment("AWS_ENDPOINT_URL_S3"),
                      .name = environment("S3_BUCKET"),
                      .region = environment("AWS_REGION"),
                      .access_key_id = environment("AWS_ACCESS_KEY_ID"),
                      .secret_access_key = environment("AWS_SECRET_ACCESS_KEY")};
  const auto store = open_store(fmt::format("s3://{}{}", bucket.name, options.hedge ? "" : "?hedge=false"));
  if (!store) return fail(store.error());
  const auto varve = make_varve_path(**store);
  const auto curl = make_curl_path(bucket);
  if (!curl) return fail(curl.error());
  Bench bench(**store, *varve, **curl, options);
  bool all_good = true;
  fmt::print(
      "|  size |  n | MiB/s   | curl's  | ratio | p99 ms  | curl's  | ratio | CPU     | curl's  | ratio | "
      "holds |\n");
  for (const std::size_t bytes : options.body_bytes) {
    for (const std::uint32_t in_flight : options.in_flight) {
      const auto good = bench.compare(bytes, in_flight);
      if (!good) return fail(good.error());
      all_good = all_good && *good;
    }
  }
  return all_good ? 0 : 1;
}

}  // namespace
}  // namespace varve::bench::s3

int main(int argc, char** argv) try {
  varve::bench::s3::Options options;
  CLI::App app("Varve's PUT path against libcurl alone, on the S3 server that the environment names");
  app.add_option("--rounds", options.rounds, "of each path, for each line")->check(CLI::Range(1, 1000));
  app.add_option("--seconds", options.seconds, "a round takes")->check(CLI::PositiveNumber);
  app.add_option("--body-bytes", options.body_bytes, "sizes of objects")->check(CLI::PositiveNumber);
  app.add_option("--in-flight", options.in_flight, "how many PUTs at once")->check(CLI::Range(1, 1024));
  app.add_option("--alone", options.alone, "one path only, for profilers")
      ->check(CLI::IsMember({"varve", "curl"}));
  app.add_flag("!--no-hedge", options.hedge, "Varve sends no duplicates of slow requests");
  CLI11_PARSE(app, argc, argv);
  return varve::bench::s3::run(options);
} catch (const std::exception& defect) {  // memory is exhausted
  fmt::print(stderr, "s3_put_bench: {}\n", defect.what());
  return 1;
}
