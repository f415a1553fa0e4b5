// varve serve-metrics: a log seen from outside, for Prometheus and for people.
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/interruption.h"
#include "cli/log_uri.h"
#include "cli/metrics_server.h"
#include "cli/report.h"
#include "cli/wakeup.h"

namespace varve::cli {
namespace {

constexpr const char* serve_metrics_about =
    R"(Serve a log's metrics and a page that draws it.

Looks at the log from outside, now and then, whoever writes it and wherever. /metrics is for Prometheus,
/ is a page, /state is what the page draws, as JSON. Bound to this machine unless told otherwise. What a
look costs on S3 is in docs/operations.md; what a writer sees of itself (latencies, retries) is served
by `varve append --metrics-port`. Ends with Ctrl-C.)";

constexpr const char* serve_metrics_examples =
    R"(  varve serve-metrics file:///var/tmp/mylog --port 9464
  varve serve-metrics s3://bucket/orders --port 9464 --interval 5min
  curl http://127.0.0.1:9464/metrics)";

struct ServeMetricsOptions {
  std::string log;
  std::string address = "127.0.0.1";
  std::uint32_t port = 9464;
  std::optional<std::uint32_t> interval_ms;
};

constexpr std::uint32_t interval_min_ms = 100;

ExitCode serve(const ServeMetricsOptions& options) {
  if (options.interval_ms.value_or(interval_min_ms) < interval_min_ms)
    refuse_argument("--interval", "must be 100ms or more");
  Wakeup stop;  // outlives who may set it
  Interruption interruption;
  const auto log = resolve_log(options.log);
  if (!log) return report(log.error());
  const auto exporter = serve_metrics(options.address, static_cast<std::uint16_t>(options.port));
  if (!exporter) return report(exporter.error());
  (*exporter)->watch(options.log, *log, options.interval_ms.value_or(look_every_ms(*log)));
  interruption.defer([&stop] { stop.set(); });
  while (!stop.is_set()) stop.wait(std::chrono::hours(1));
  return ExitCode::fine;
}

}  // namespace

void add_serve_metrics(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<ServeMetricsOptions>();
  Command command = commands.add_command("serve-metrics", serve_metrics_about, serve_metrics_examples);
  command.add_log(options->log);
  command.add("--port", options->port, "where to listen; 0: any port that is free")
      .between(0, 65'535)
      .shown_as("PORT")
      .shows_default();
  command
      .add("--address", options->address,
           "a numeric address of this machine; 0.0.0.0: whoever can reach it may look")
      .shown_as("ADDRESS")
      .shows_default();
  command
      .add("--interval", options->interval_ms,
           "how long between two looks (5s; where requests cost money, 1min)")
      .in_milliseconds(86'400'000);
  command.runs([options] { return serve(*options); }, exit_code);
}

}  // namespace varve::cli
