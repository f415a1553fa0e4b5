// varve repair: mends what verify found.
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/log_uri.h"
#include "cli/report.h"
#include "varve/repair.h"

namespace varve::cli {
namespace {

constexpr const char* repair_about =
    R"(Mend a log: finish a trim, delete garbage, rebuild the checkpoint, go on after a loss.

Says what it would do, and does it with --execute. Objects of the log are never touched, good or bad,
and a program that writes meanwhile is not disturbed.

If records are lost near the end, no writer can open the log. To give them up and go on behind them,
name the offset at which they begin with --seal-past-hole-at: a seal is put behind what is left. The
lost offsets are not given out again, everything else stays, and readers that come to the hole are
told. If there is a copy of the missing objects, restore them instead. This fences whoever writes.

A cursor that is damaged, or of another log that was here before, begins anew at the log's start.

If the very end is lost, so that only the checkpoint knows of it, no writer can open the log either.
To go on where it ends now, end all writers, and name that offset with --accept-end: the offsets from
there on are given out again.

Exits with 4 if something is lost that it did not, or could not, go past.)";

constexpr const char* repair_examples =
    R"(  varve repair file:///var/tmp/mylog                    what is there to do?
  varve repair file:///var/tmp/mylog --execute
  varve repair file:///var/tmp/mylog --seal-past-hole-at 1200 --execute
  varve repair file:///var/tmp/mylog --accept-end 1500 --execute)";

struct CliRepairOptions {
  std::string log;
  RepairOptions repair;
  bool execute = false;
  bool json = false;
};

nlohmann::ordered_json plan_json(const RepairPlan& plan) {
  auto steps = nlohmann::ordered_json::array();
  for (const RepairStep& step : plan.steps) {
    steps.push_back({{"kind", to_string(step.kind)},
                     {"what", step.what},
                     {"needs_word", step.needs_word},
                     {"done", step.done}});
  }
  auto lost = nlohmann::ordered_json::array();
  for (const LostRecords& one : plan.lost) {
    lost.push_back({{"first_object", one.first_object},
                    {"next_object", one.next_object},
                    {"first_offset", one.offsets.begin},
                    {"end_offset", one.offsets.end}});
  }
  nlohmann::ordered_json lost_end = nullptr;
  if (plan.lost_end) lost_end = *plan.lost_end;
  nlohmann::ordered_json beyond = nullptr;
  if (plan.beyond_repair) beyond = plan.beyond_repair->message();
  return {{"steps", std::move(steps)},
          {"lost", std::move(lost)},
          {"lost_end", lost_end},
          {"beyond_repair", beyond},
          {"notes", plan.notes}};
}

bool in_order(const RepairPlan& plan) {
  if (plan.beyond_repair) return false;
  if (plan.lost.empty() && !plan.lost_end) return true;
  return !plan.steps.empty() && plan.steps.front().done;
}

void print_plan(const RepairPlan& plan, bool executed) {
  for (const RepairStep& step : plan.steps) {
    fmt::print("{} {}\n", step.done ? "done: " : "to do:", step.what);
  }
  for (const std::string& note : plan.notes) fmt::print("note:  {}\n", note);
  if (plan.beyond_repair) {
    fmt::print("beyond repair: {}\n", plan.beyond_repair->message());
  } else if (plan.steps.empty()) {
    fmt::print("nothing to repair\n");
  } else if (!in_order(plan) && plan.lost_end) {
    fmt::print("nothing is done about the loss without your word: --accept-end {} --execute\n",
               *plan.lost_end);
  } else if (!in_order(plan)) {
    fmt::print("nothing is done about the loss without your word: --seal-past-hole-at {} --execute\n",
               plan.lost.front().offsets.begin);
  } else if (!executed) {
    fmt::print("nothing was changed; do it with --execute\n");
  }
}

ExitCode repair(const CliRepairOptions& options) {
  const auto log = resolve_log(options.log);
  if (!log) return report(log.error());
  const auto plan = options.execute ? varve::repair(*log, options.repair) : plan_repair(*log, options.repair);
  if (!plan) return report(plan.error());
  if (options.json) {
    print_json(plan_json(*plan));
  } else {
    print_plan(*plan, options.execute);
  }
  return in_order(*plan) ? ExitCode::fine : ExitCode::corruption;
}

}  // namespace

void add_repair(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<CliRepairOptions>();
  Command command = commands.add_command("repair", repair_about, repair_examples);
  command.add_log(options->log);
  command.add_flag("--execute", options->execute, "do it");
  command
      .add("--seal-past-hole-at", options->repair.seal_past_hole_at,
           "give up the lost records that begin at offset N, so that\n"
           "writers can go on behind them")
      .shown_as("N");
  command
      .add("--accept-end", options->repair.accept_end,
           "give up what was behind the log's end, offset N, and is lost,\n"
           "so that writers can go on there")
      .shown_as("N");
  command.add_json(options->json);
  command.runs([options] { return repair(*options); }, exit_code);
}

}  // namespace varve::cli
