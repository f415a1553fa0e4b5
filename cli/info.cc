// varve info: what a log holds.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/log_uri.h"
#include "cli/report.h"
#include "varve/inspect.h"

namespace varve::cli {
namespace {

constexpr const char* info_about =
    R"(Show what a log holds.

Its offsets, epochs (who took it over, when), objects and bytes, and what the next open would cut
off. Changes nothing; a writer may be at work meanwhile. Exits with 4 if acknowledged records near the
end are lost, or may be.)";

constexpr const char* info_examples =
    R"(  varve info file:///var/tmp/mylog
  varve info file:///var/tmp/mylog --json | jq .end_offset)";

struct InfoOptions {
  std::string log;
  bool json = false;
};

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

void print_epochs(const LogInfo& info) {
  fmt::print("\n{:>12}  {:>14}  {:<23}  {:<24}  {}\n", "epoch", "first offset", "sealed at", "by", "ended");
  for (const EpochInfo& epoch : info.epochs) {
    const std::string when = epoch.sealed_unix_ms == 0 ? "-" : human_time(epoch.sealed_unix_ms);
    const char* const ended = epoch.closed_cleanly        ? "closed"
                              : epoch.epoch == info.epoch ? "open, or its writer is gone"
                                                          : "taken over";
    fmt::print("{:>12}  {:>14}  {:<23}  {:<24}  {}\n", epoch.epoch, with_commas(epoch.first_offset), when,
               or_dash(epoch.sealed_by), ended);
  }
}

void print_human(const std::string& log, const LogInfo& info) {
  const auto row = [](const char* name, const std::string& value) { fmt::print("{:<10} {}\n", name, value); };
  const OffsetRange records{info.start_offset, info.end_offset};
  row("log", log);
  row("id", info.log_id);
  if (info.mirror) {
    row("mirror",
        fmt::format(
            "of {}, which ended at {} when it was seen last, {}; `varve promote` makes it a log of its "
            "own",
            info.mirror->source, with_commas(info.mirror->source_end),
            human_time(info.mirror->source_seen_unix_ms)));
  }
  if (info.demoted) row("demoted", "the log goes on in a mirror of it, which was promoted");
  row("records", fmt::format("{} ({})", with_commas(records.end - records.begin), human_range(records)));
  row("start", with_commas(info.start_offset));
  row("end", with_commas(info.end_offset));
  row("durable", fmt::format("{} (acknowledged for certain, as the newest object knew)",
                             with_commas(info.durable_offset)));
  row("epoch", fmt::format("{}", info.epoch));
  row("window", counted(info.window, "object"));
  row("objects", fmt::format("{}, {}", with_commas(info.objects), human_bytes(info.bytes)));
  row("cut", info.truncated_objects == 0
                 ? "nothing: an open would keep everything"
                 : fmt::format("{}, {}: behind the end and never acknowledged, an open "
                               "would void them",
                               counted(info.truncated_objects, "object"), human_bytes(info.truncated_bytes)));
  if (info.garbage_objects != 0) {
    row("garbage", fmt::format("{}, {}: trimmed, the next trim or open deletes them",
                               counted(info.garbage_objects, "object"), human_bytes(info.garbage_bytes)));
  }
  if (info.damage) row("DAMAGED", info.damage->message());
  if (!info.epochs.empty()) print_epochs(info);
}

ExitCode info(const InfoOptions& options) {
  const auto log = resolve_log(options.log);
  if (!log) return report(log.error());
  const auto found = inspect(*log);
  if (!found) return report(found.error());
  if (options.json) {
    print_json(json_of(*found));
  } else {
    print_human(options.log, *found);
  }
  return found->damage ? ExitCode::corruption : ExitCode::fine;
}

}  // namespace

void add_info(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<InfoOptions>();
  Command command = commands.add_command("info", info_about, info_examples);
  command.add_log(options->log);
  command.add_json(options->json);
  command.runs([options] { return info(*options); }, exit_code);
}

}  // namespace varve::cli
