// varve top: a log, live.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/interruption.h"
#include "cli/json.h"
#include "cli/log_uri.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "varve/cursor.h"
#include "varve/doctor.h"
#include "varve/inspect.h"

namespace varve::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* about =
    R"(Watch a log as it lives.

Its offsets and how fast they move, its epochs, objects and bytes, where its cursors have come to and how
far behind they are, and what it costs. Looks from outside, whoever writes; each look costs a LIST for
each 1000 objects, and a few GETs. q or Ctrl-C ends it.)";

constexpr const char* examples =
    R"(  varve top file:///var/tmp/mylog
  varve top s3://bucket/orders --interval 10s
  varve top file:///var/tmp/mylog --once --json | jq .cursors)";

struct Options {
  std::string log;
  std::uint32_t interval_ms = 2'000;
  bool once = false;
  bool json = false;
};

constexpr std::uint32_t interval_min_ms = 100;

/// The log at one moment.
struct Look {
  LogInfo info;
  std::vector<Cursor> cursors;
  steady_clock::time_point at = steady_clock::now();
};

Result<Look> look_at(const LogAddress& log, const Cursors& cursors) {
  auto info = inspect(log);
  if (!info) return info.error();
  auto all = cursors.list();
  if (!all) return all.error();
  return Look{.info = *std::move(info), .cursors = *std::move(all)};
}

std::uint64_t lag_of(const Cursor& cursor, const LogInfo& info) {
  return info.end_offset - std::min(cursor.offset, info.end_offset);
}

double storage_dollars_month(const LogInfo& info) {
  return static_cast<double>(info.bytes) / (1 << 30) * Prices().gib_month;
}

struct Rates {
  double records = 0;
  double bytes = 0;
};

/// Nothing before a second look. Bytes are those stored: a trim takes some away meanwhile.
std::optional<Rates> rates_of(const std::optional<Look>& before, const Look& now) {
  if (!before) return std::nullopt;
  const double seconds = std::chrono::duration<double>(now.at - before->at).count();
  if (seconds <= 0) return std::nullopt;
  const auto grown = [](std::uint64_t from, std::uint64_t to) {
    return to > from ? static_cast<double>(to - from) : 0;
  };
  return Rates{.records = grown(before->info.end_offset, now.info.end_offset) / seconds,
               .bytes = grown(before->info.bytes, now.info.bytes) / seconds};
}

std::string screen_of(const std::string& name, const Look& look, const std::optional<Rates>& rates) {
  const LogInfo& info = look.info;
  std::string text = fmt::format("{}\n\n", name);
  const auto row = [&text](const char* what, const std::string& value) {
    text += fmt::format("  {:<10} {}\n", what, value);
  };
  row("records", fmt::format("{}{}", with_commas(info.end_offset - info.start_offset),
                             rates ? fmt::format("   {:.0f} a second", rates->records) : ""));
  row("offsets", fmt::format("start {}   durable {}   end {}", with_commas(info.start_offset),
                             with_commas(info.durable_offset), with_commas(info.end_offset)));
  row("objects",
      fmt::format(
          "{}   {}{}", with_commas(info.objects), human_bytes(info.bytes),
          rates ? fmt::format("   {} a second", human_bytes(static_cast<std::uint64_t>(rates->bytes))) : ""));
  if (info.cut_objects != 0)
    row("tail", fmt::format("{} behind it: on their way, or cut off by the next open",
                            counted(info.cut_objects, "object")));
  if (info.leftover_objects != 0)
    row("trimmed", fmt::format("{} still to be deleted", counted(info.leftover_objects, "object")));
  row("cost", fmt::format("storage ${:.4f} a month", storage_dollars_month(info)));
  text += fmt::format("\n  {:>10}  {:>14}  {:<23}  {:<24} {}\n", "epoch", "first offset", "sealed at", "by",
                      "ended");
  constexpr std::size_t epochs_shown = 5;
  const std::size_t skipped = info.epochs.size() - std::min(info.epochs.size(), epochs_shown);
  for (std::size_t i = skipped; i < info.epochs.size(); ++i) {
    const EpochInfo& epoch = info.epochs[i];
    text += fmt::format("  {:>10}  {:>14}  {:<23}  {:<24} {}\n", epoch.epoch, with_commas(epoch.first_offset),
                        epoch.sealed_unix_ms == 0 ? "-" : human_time(epoch.sealed_unix_ms),
                        epoch.sealed_by.empty() ? "-" : epoch.sealed_by,
                        epoch.closed_cleanly        ? "closed"
                        : epoch.epoch == info.epoch ? "open, or its writer is gone"
                                                    : "taken over");
  }
  if (look.cursors.empty()) return text + "\n  no cursors\n";
  text += fmt::format("\n  {:<24}  {:>14}  {:>14}\n", "cursor", "offset", "behind");
  for (const Cursor& cursor : look.cursors) {
    text += fmt::format("  {:<24}  {:>14}  {:>14}\n", cursor.name, with_commas(cursor.offset),
                        with_commas(lag_of(cursor, info)));
  }
  return text;
}

nlohmann::ordered_json json_of(const Look& look, const std::optional<Rates>& rates) {
  nlohmann::ordered_json json = to_json(look.info);
  auto cursors = nlohmann::ordered_json::array();
  for (const Cursor& cursor : look.cursors) {
    cursors.push_back({{"name", cursor.name}, {"offset", cursor.offset}, {"lag", lag_of(cursor, look.info)}});
  }
  json["cursors"] = std::move(cursors);
  json["records_per_second"] =
      rates ? nlohmann::ordered_json(rates->records) : nlohmann::ordered_json(nullptr);
  json["bytes_per_second"] = rates ? nlohmann::ordered_json(rates->bytes) : nlohmann::ordered_json(nullptr);
  json["storage_dollars_month"] = storage_dollars_month(look.info);
  return json;
}

ExitCode watch(const Options& options, const LogAddress& log, const Cursors& cursors, Wakeup& stop) {
  std::optional<Terminal> terminal;
  if (!options.once && !options.json && Terminal::there_is_one()) terminal.emplace();
  std::optional<Look> before;
  while (!stop.is_set()) {
    Result<Look> now = look_at(log, cursors);
    if (!now && (!terminal || !before)) {
      terminal.reset();
      return report(now.error());
    }
    if (now) {
      const std::optional<Rates> rates = rates_of(before, *now);
      if (options.json) {
        fmt::print(
            "{}\n",
            json_of(*now, rates).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
        std::fflush(stdout);
      } else if (terminal) {
        terminal->draw(screen_of(options.log, *now, rates) + "\n  q to quit\n");
      } else {
        fmt::print("{}", screen_of(options.log, *now, rates));
        std::fflush(stdout);
      }
      before = *std::move(now);
    } else {
      terminal->draw(screen_of(options.log, *before, std::nullopt) +
                     "\n  not seen anew: " + now.error().message() + "\n");
    }
    if (options.once) break;
    const char key = terminal ? Terminal::wait_for_key(milliseconds(options.interval_ms), stop)
                              : (stop.wait(milliseconds(options.interval_ms)), '\0');
    if (key == 'q' || key == 'Q') break;
  }
  return ExitCode::fine;
}

ExitCode top(const Options& options) {
  if (options.interval_ms < interval_min_ms) refuse_argument("--interval", "must be 100ms or more");
  Wakeup stop;  // outlives who may set it
  Interruption interruption;
  const auto log = resolve_log(options.log);
  if (!log) return report(log.error());
  const auto cursors = Cursors::open(*log);
  if (!cursors) return report(cursors.error());
  interruption.defer([&stop] { stop.set(); });
  return watch(options, *log, *cursors, stop);
}

}  // namespace

void add_top(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<Options>();
  Command command = commands.add_command("top", about, examples);
  command.add_log(options->log);
  command.add("--interval", options->interval_ms, "how long between two looks (2s)")
      .in_milliseconds(86'400'000);
  command.add_flag("--once", options->once, "look once, and end");
  command.add_flag("--json", options->json, "a line of JSON for each look");
  command.runs([options] { return top(*options); }, exit_code);
}

}  // namespace varve::cli
