// varve top: a log or its writer, live.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/interruption.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "cli/top_view.h"

namespace varve::cli {
namespace {

using std::chrono::milliseconds;

constexpr const char* top_about =
    R"(Watch a log as it lives, or its writer at work.

Of a log: its offsets and how fast they move, its epochs, objects and bytes, where its cursors have come
to and how far behind they are, and what it costs. Looks from outside, whoever writes; what a look costs
on S3 is in docs/operations.md.

Of a writer that serves its metrics (varve append --metrics-port, or varve/exporter.h), by their address:
also where an object's time goes, what the store answered, and what the requests cost so far. Asks the
writer only, not the store. q or Ctrl-C ends it.)";

constexpr const char* top_examples =
    R"(  varve top file:///var/tmp/mylog
  varve top s3://bucket/orders --interval 10s
  varve top http://127.0.0.1:9464                      a writer that serves its metrics there
  varve top file:///var/tmp/mylog --once --json | jq .cursors)";

struct TopOptions {
  std::string subject;
  std::uint32_t interval_ms = 2'000;
  bool once = false;
  bool json = false;
};

constexpr std::uint32_t refresh_min_ms = 100;

bool is_writer(const std::string& subject) { return subject.starts_with("http://"); }

ExitCode watch(const TopOptions& options, const Viewer& look, Wakeup& stop) {
  std::optional<Terminal> terminal;
  if (!options.once && !options.json && Terminal::there_is_one()) terminal.emplace();
  std::string screen;  // as seen last
  while (!stop.is_set()) {
    const Result<View> now = look();
    if (!now && (!terminal || screen.empty())) {
      terminal.reset();
      return report(now.error());
    }
    if (now) screen = now->screen;
    if (terminal) {
      terminal->draw(screen +
                     (now ? "\n  q to quit\n" : "\n  not seen anew: " + now.error().message() + "\n"));
    } else if (options.json) {
      using Json = nlohmann::ordered_json;
      fmt::print("{}\n", now->json.dump(-1, ' ', false, Json::error_handler_t::replace));
    } else {
      fmt::print("{}", screen);
    }
    std::fflush(stdout);
    if (options.once) break;
    const char key = terminal ? Terminal::wait_for_key(milliseconds(options.interval_ms), stop)
                              : (stop.wait(milliseconds(options.interval_ms)), '\0');
    if (key == 'q' || key == 'Q') break;
  }
  return ExitCode::fine;
}

ExitCode top(const TopOptions& options) {
  if (options.interval_ms < refresh_min_ms) refuse_argument("--interval", "must be 100ms or more");
  Wakeup stop;  // outlives who may set it
  Interruption interruption;
  const Result<Viewer> look =
      is_writer(options.subject) ? viewer_of_writer(options.subject) : viewer_of_log(options.subject);
  if (!look) return report(look.error());
  interruption.defer([&stop] { stop.set(); });
  return watch(options, *look, stop);
}

}  // namespace

void add_top(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<TopOptions>();
  Command command = commands.add_command("top", top_about, top_examples);
  command
      .add("LOG", options->subject,
           "a log's URI, as in s3://bucket/name; or where its writer serves metrics, as in "
           "http://127.0.0.1:9464")
      .required()
      .shown_as("");
  command.add("--interval", options->interval_ms, "how long between two looks (2s)")
      .in_milliseconds(86'400'000);
  command.add_flag("--once", options->once, "look once, and end");
  command.add_flag("--json", options->json, "a line of JSON for each look");
  command.runs([options] { return top(*options); }, exit_code);
}

}  // namespace varve::cli
