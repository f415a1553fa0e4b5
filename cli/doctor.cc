// varve doctor: may a log live in this store, how fast would it be, and what would it cost?
#include "varve/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/interruption.h"
#include "cli/json.h"
#include "cli/log_uri.h"
#include "cli/progress.h"
#include "cli/report.h"

namespace varve::cli {
namespace {

constexpr const char* doctor_about =
    R"(Find out whether a log may live in a store, and how.

Tries what a log needs of it, times requests, and recommends settings. Uses scratch objects under
.varve-doctor/ and removes them. Takes up to a minute or two, and up to a GiB of traffic; --quick
takes seconds. Exits with 1 if no log may live there, with 5 if the store cannot be reached.)";

constexpr const char* doctor_examples =
    R"(  varve doctor file:///var/tmp
  varve doctor s3://bucket --records-per-second 5000 --record-bytes 300
  varve doctor s3://bucket/team --quick --json | jq .usable)";

struct CliDoctorOptions {
  std::string store;
  bool json = false;
  bool quick = false;
  Traffic traffic;
  Prices prices;
};

struct ReadPosition {
  std::shared_ptr<Store> store;
  std::string prefix;  // of the scratch objects
};

/// A store, or a log in it: then what is tried is tried where the log would be.
Result<ReadPosition> place_of(const std::string& uri) {
  if (auto store = open_store(uri)) return ReadPosition{*std::move(store), {}};
  auto log = resolve_log(uri);
  if (!log) return log.error();
  return ReadPosition{std::move(log->store), log->path + "/"};
}

/// What is being done, on one line, with a bar.
class Bar {
 public:
  void show(std::string_view doing, double part) {
    const std::lock_guard lock(mutex_);
    doing_ = doing;
    part_ = part;
  }

  [[nodiscard]] std::string line() const {
    constexpr std::size_t width = 24;
    const std::lock_guard lock(mutex_);
    const auto full = std::min(static_cast<std::size_t>(part_ * width), width);
    return fmt::format("[{:-<{}}] {:3.0f}%  {}", std::string(full, '#'), width, part_ * 100, doing_);
  }

 private:
  mutable std::mutex mutex_;
  std::string doing_;
  double part_ = 0;
};

Result<DoctorReport> diagnose_visibly(const ReadPosition& place, const CliDoctorOptions& options,
                                      bool prices_given, Interruption& interruption) {
  std::stop_source stop;
  interruption.defer([&stop] { stop.request_stop(); });
  Bar bar;
  const Progress progress([&bar] { return bar.line(); });
  DoctorOptions examination;
  examination.prefix = place.prefix;
  examination.quick = options.quick;
  examination.traffic = options.traffic;
  if (prices_given) examination.prices = options.prices;
  examination.progress = [&bar](std::string_view doing, double part) { bar.show(doing, part); };
  examination.stop = stop.get_token();
  return diagnose(*place.store, examination);
}

nlohmann::ordered_json report_json(const DoctorReport& found, const CliDoctorOptions& options) {
  auto capabilities = nlohmann::ordered_json::array();
  for (const CapabilityReport& one : found.capabilities) {
    capabilities.push_back({{"capability", to_string(one.capability)},
                            {"verdict", to_string(one.verdict)},
                            {"needed", one.needed},
                            {"what", one.what},
                            {"why", one.why}});
  }
  auto latencies = nlohmann::ordered_json::array();
  for (const LatencyReport& one : found.latencies) {
    latencies.push_back({{"request", one.request},
                         {"body_bytes", one.body_bytes},
                         {"in_flight", one.in_flight},
                         {"requests", one.requests},
                         {"p50_ms", one.p50_ms},
                         {"p95_ms", one.p95_ms},
                         {"p99_ms", one.p99_ms},
                         {"max_ms", one.max_ms},
                         {"requests_per_second", one.requests_per_second}});
  }
  nlohmann::ordered_json cost;
  if (found.cost) {
    cost = {{"total", found.cost->total()},
            {"puts", found.cost->puts},
            {"gets", found.cost->gets},
            {"storage", found.cost->storage},
            {"objects_per_second", found.cost->objects_per_second},
            {"stored_gib", found.cost->stored_gib},
            {"prices", options.prices.source}};
  }
  nlohmann::ordered_json settings;
  if (!found.latencies.empty()) {
    settings = {{"window", found.settings.window},
                {"batch_bytes", found.settings.batch_bytes},
                {"linger_ms", found.settings.linger_ms},
                {"puts_per_second", found.settings.puts_per_second}};
  }
  return {{"usable", found.usable()},
          {"store", found.store},
          {"capabilities", std::move(capabilities)},
          {"latencies", std::move(latencies)},
          {"settings", std::move(settings)},
          {"monthly_cost", std::move(cost)},
          {"scratch", found.scratch},
          {"scratch_left", found.scratch_left}};
}

void print_capabilities(const DoctorReport& found) {
  for (const CapabilityReport& one : found.capabilities) {
    const char* const verdict = one.verdict == Verdict::ok           ? "ok"
                                : one.verdict == Verdict::not_tested ? "not tested"
                                : one.needed                         ? "FAILS"
                                                                     : "fails";
    fmt::print("{:<18}{:<12}{}\n", to_string(one.capability), verdict, one.what);
    if (one.verdict != Verdict::ok) fmt::print("{:<30}{}\n", "", one.why);
  }
}

void print_latencies(const DoctorReport& found) {
  fmt::print("\n{:<8}{:>10}{:>9}{:>10}{:>10}{:>10}{:>10}{:>10}{:>11}{:>13}\n", "request", "size", "at once",
             "requests", "p50 ms", "p95 ms", "p99 ms", "max ms", "a second", "throughput");
  for (const LatencyReport& one : found.latencies) {
    const auto moved = static_cast<double>(one.body_bytes) * one.requests_per_second;
    fmt::print("{:<8}{:>10}{:>9}{:>10}{:>10.2f}{:>10.2f}{:>10.2f}{:>10.2f}{:>11.1f}{:>13}\n", one.request,
               one.body_bytes == 0 ? "-" : human_bytes(one.body_bytes), one.in_flight, one.requests,
               one.p50_ms, one.p95_ms, one.p99_ms, one.max_ms, one.requests_per_second,
               one.body_bytes == 0 ? "-" : human_rate(static_cast<std::uint64_t>(moved), 1));
  }
}

void print_settings(const RecommendedSettings& settings) {
  fmt::print("\nrecommended\n");
  fmt::print("  window           {:<10}{}\n", settings.window, settings.why_window);
  fmt::print("  batch_bytes      {:<10}{}\n", human_bytes(settings.batch_bytes), settings.why_batch_bytes);
  fmt::print("  linger_ms        {:<10}{}\n", settings.linger_ms, settings.why_linger);
  fmt::print("  puts_per_second  {:<10}{}\n", settings.puts_per_second, settings.why_puts_per_second);
}

void print_cost(const MonthlyCost& cost, const CliDoctorOptions& options) {
  fmt::print("\ncost of a month, at {:g} records a second of {:g} bytes, kept {:g} days, read by {:g}\n",
             options.traffic.records_per_second, options.traffic.record_bytes, options.traffic.retained_days,
             options.traffic.readers);
  fmt::print("  ${:<11.2f}PUTs: {:.3g} objects a second\n", cost.puts, cost.objects_per_second);
  fmt::print("  ${:<11.2f}GETs\n", cost.gets);
  fmt::print("  ${:<11.2f}storage: {:.1f} GiB\n", cost.storage, cost.stored_gib);
  fmt::print("  ${:<11.2f}in all, by the prices of {}\n", cost.total(), options.prices.source);
}

void print_human(const DoctorReport& found, const CliDoctorOptions& options) {
  fmt::print("{}\n\n", found.store);
  print_capabilities(found);
  if (!found.latencies.empty()) {
    print_latencies(found);
    print_settings(found.settings);
  }
  if (found.cost) print_cost(*found.cost, options);
  if (found.scratch_left != 0) {
    fmt::print("\n{} under {} could not be removed\n", counted(found.scratch_left, "scratch object"),
               found.scratch);
  }
  fmt::print("\n{}\n", found.usable()
                           ? "a log may live here"
                           : "NO LOG MAY LIVE HERE: what it needs fails, see above and docs/stores.md");
}

ExitCode doctor(const CliDoctorOptions& options, bool prices_given) {
  Interruption interruption;  // before the store's threads
  const auto place = place_of(options.store);
  if (!place) return report(place.error());
  const auto found = diagnose_visibly(*place, options, prices_given, interruption);
  if (interruption.signal() != 0) Interruption::end_by(interruption.signal());
  if (!found) return report(found.error());
  if (options.json) {
    print_json(report_json(*found, options));
  } else {
    print_human(*found, options);
  }
  return found->usable() ? ExitCode::fine : ExitCode::failure;
}

}  // namespace

void add_doctor(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<CliDoctorOptions>();
  Command command = commands.add_command("doctor", doctor_about, doctor_examples);
  command.add("STORE", options->store, "the store's URI, as in s3://bucket or file:///dir; or a log's in it")
      .required()
      .shown_as("");
  command.add_json(options->json);
  command.add_flag("--quick", options->quick, "fewer tries and samples: seconds, and weaker proof");

  const auto number = [&command](const char* name, double& value, const char* what) {
    return command.add(name, value, what).not_negative().shows_default().shown_as("NUMBER");
  };
  number("--records-per-second", options->traffic.records_per_second, "the traffic to count the cost of");
  number("--record-bytes", options->traffic.record_bytes, "the size of a record");
  number("--retained-days", options->traffic.retained_days, "how long records are kept");
  number("--readers", options->traffic.readers, "how many read everything once");
  const std::vector<Argument> prices{
      number("--price-put", options->prices.put_per_1000, "dollars for 1,000 PUTs"),
      number("--price-get", options->prices.get_per_1000, "dollars for 1,000 GETs"),
      number("--price-gib-month", options->prices.gib_month, "dollars for a GiB kept a month")};
  const auto work = [options, prices] {
    const bool given =
        std::any_of(prices.begin(), prices.end(), [](const Argument& price) { return price.given(); });
    if (given) {
      options->prices.source = "the command line, and for what it leaves out " + options->prices.source;
    }
    return doctor(*options, given);
  };
  command.runs(work, exit_code);
}

}  // namespace varve::cli
