// varve retain: trims a log to what a policy keeps.
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/log_uri.h"
#include "cli/moment.h"
#include "cli/report.h"
#include "varve/retention.h"

namespace varve::cli {
namespace {

constexpr const char* retain_about =
    R"(Trim a log to what is still wanted of it.

  --cursors        lets go of what every cursor is done with
  --max-age 7d     lets go of what is older
  --max-bytes SIZE lets go of the oldest until the rest is that small

Give one or more: what is beyond either limit goes. But no record goes that a cursor still needs,
whatever the limits say: a reader that stopped for good holds the log back, and this tells which one.
--idle-cursors decides what becomes of it. Objects go whole; a little more is kept, never less.

Where something is trimmed, the log is taken over. A writer that has not closed it might be at work and
would be fenced: that is refused without --take-over. (A program that writes can retain by itself:
varve/retention.h.) Where nothing is to be trimmed, nothing is written and nobody is disturbed.)";

constexpr const char* retain_examples =
    R"(  varve retain file:///var/tmp/mylog --cursors --dry-run       what could go, and who needs the rest?
  varve retain file:///var/tmp/mylog --max-age 7d --max-bytes 100GiB
  varve retain file:///var/tmp/mylog --cursors --idle-cursors ignore:30d)";

struct RetainOptions {
  std::string log;
  RetentionPolicy policy;
  RetentionOptions retention;
  std::string max_age;
  std::string idle_cursors = "hold";
  bool dry_run = false;
  bool json = false;
};

nlohmann::ordered_json offset_json(const std::optional<Offset>& offset) {
  return offset ? nlohmann::ordered_json(*offset) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json plan_json(const RetentionPlan& plan) {
  auto idle = nlohmann::ordered_json::array();
  for (const Cursor& cursor : plan.idle) idle.push_back(json_of(cursor));
  auto untrusted = nlohmann::ordered_json::array();
  for (const Cursor& cursor : plan.untrusted) untrusted.push_back(json_of(cursor));
  return {
      {"start_offset", plan.records.begin},
      {"end_offset", plan.records.end},
      {"let_go_below", plan.let_go_below},
      {"trim_before", plan.trim_before},
      {"objects", plan.objects},
      {"bytes", plan.bytes},
      {"decided_by", to_string(plan.decided_by)},
      {"by_age", offset_json(plan.by_age)},
      {"by_size", offset_json(plan.by_size)},
      {"lowest_cursor", plan.lowest_cursor ? json_of(*plan.lowest_cursor) : nlohmann::ordered_json(nullptr)},
      {"held_back", plan.held_back},
      {"untrusted_cursors", std::move(untrusted)},
      {"idle_cursors", std::move(idle)},
      {"writer_has_closed", plan.writer_has_closed}};
}

/// Which rule decided, in a sentence.
std::string reason_for(const RetentionPlan& plan) {
  const auto cursor = [&] {
    return fmt::format("cursor '{}' (offset {}, moved {})", plan.lowest_cursor->name,
                       with_commas(plan.lowest_cursor->offset),
                       human_time(plan.lowest_cursor->moved_unix_ms));
  };
  switch (plan.decided_by) {
    case RetentionRule::cursors:
      if (!plan.untrusted.empty()) return "held back: what these cursors still need cannot be told";
      if (!plan.held_back) return "decided by the lowest cursor, " + cursor();
      return fmt::format("held back by {}; the limits alone would let go up to offset {}", cursor(),
                         with_commas(std::max(plan.by_age.value_or(0), plan.by_size.value_or(0))));
    case RetentionRule::age:
      return "decided by the age: what follows is younger";
    case RetentionRule::size:
      return "decided by the size: what follows has room";
    case RetentionRule::none:
      break;
  }
  if (plan.by_age || plan.by_size) return "everything is within the limits";
  return "there is no cursor that counts, so nobody is done with anything";
}

void print_untrusted(const RetentionPlan& plan) {
  for (const Cursor& cursor : plan.untrusted) fmt::print("{}\n", cursor.problem->message());
}

void print_idle(const RetentionPlan& plan, bool done) {
  const char* what = !plan.remove_idle ? "ignored" : done ? "removed" : "would be removed";
  for (const Cursor& cursor : plan.idle) {
    if (cursor.readable) {
      fmt::print("cursor '{}' is idle and {}: offset {}, moved {}\n", cursor.name, what,
                 with_commas(cursor.offset), human_time(cursor.moved_unix_ms));
    } else {
      fmt::print("cursor '{}' cannot be read and is {}\n", cursor.name, what);
    }
  }
}

void print_plan(const RetentionPlan& plan, bool done) {
  if (plan.trim_before > plan.records.begin) {
    fmt::print("{} {} of {} ({}): {} in {}\n", done ? "let go of" : "would let go of",
               counted(plan.trim_before - plan.records.begin, "record"),
               with_commas(plan.records.end - plan.records.begin),
               human_range({plan.records.begin, plan.trim_before}), human_bytes(plan.bytes),
               counted(plan.objects, "object"));
  } else {
    fmt::print("nothing to let go of ({} in the log)\n",
               counted(plan.records.end - plan.records.begin, "record"));
  }
  fmt::print("{}\n", reason_for(plan));
  print_untrusted(plan);
  print_idle(plan, done);
}

ExitCode show(const LogAddress& log, const RetainOptions& options) {
  const auto plan = plan_retention(log, options.policy, options.retention);
  if (!plan) return report(plan.error());
  if (options.json) {
    print_json(plan_json(*plan));
  } else {
    print_plan(*plan, false);
  }
  return ExitCode::fine;
}

ExitCode retain(const RetainOptions& options) {
  const auto log = resolve_log(options.log);
  if (!log) return report(log.error());
  if (options.dry_run) return show(*log, options);
  const auto done = varve::retain(*log, options.policy, options.retention);
  if (!done) return report(done.error());
  if (options.json) {
    auto json = plan_json(done->plan);
    json["cursors_removed"] = done->cursors_removed;
    json["objects_deleted"] = done->trim.objects_deleted;
    json["objects_left"] = done->trim.objects_left;
    print_json(json);
    return ExitCode::fine;
  }
  print_plan(done->plan, true);
  if (done->trim.objects_left != 0) {
    fmt::print("{} could not be deleted now; the next trim or open tries again\n",
               counted(done->trim.objects_left, "object"));
  }
  return ExitCode::fine;
}

std::uint64_t span_of(const char* argument, std::string_view text) {
  const auto span = parse_span_ms(text);
  if (!span) refuse_argument(argument, fmt::format("'{}' is no time: write 30s, 10m, 2h or 7d", text));
  return static_cast<std::uint64_t>(*span);
}

void understand(RetainOptions& options) {
  RetentionPolicy& policy = options.policy;
  if (!policy.to_cursors && options.max_age.empty() && !policy.max_bytes) {
    refuse_argument("--cursors, --max-age, --max-bytes",
                    "give one at least: without them everything is kept");
  }
  if (!options.max_age.empty()) policy.max_age_ms = span_of("--max-age", options.max_age);
  const std::string_view idle = options.idle_cursors;
  if (idle == "hold") return;
  const std::string_view what = idle.substr(0, idle.find(':'));
  const bool timed = what.size() < idle.size();
  if (!timed || (what != "ignore" && what != "delete")) {
    refuse_argument("--idle-cursors", fmt::format("'{}' is none of hold, ignore:30d, delete:30d", idle));
  }
  policy.idle_cursors = what == "ignore" ? IdleCursors::ignore : IdleCursors::remove;
  policy.idle_after_ms = span_of("--idle-cursors", idle.substr(what.size() + 1));
}

}  // namespace

void add_retain(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<RetainOptions>();
  Command command = commands.add_command("retain", retain_about, retain_examples);
  command.add_log(options->log);
  command.add_flag("--cursors", options->policy.to_cursors, "let go of what all cursors are done with");
  command.add("--max-age", options->max_age, "keep records so long: 12h, 7d; by the writers' clocks")
      .shown_as("TIME");
  command.add("--max-bytes", options->policy.max_bytes, "keep the newest objects with so many bytes together")
      .in_bytes(1, UINT64_MAX)
      .shown_as("SIZE");
  command
      .add("--idle-cursors", options->idle_cursors,
           "cursors that nobody has moved for the time given:\n"
           "hold: hold the log back as others do (default)\n"
           "ignore:30d: hold nothing back until they move again\n"
           "delete:30d: are removed")
      .shown_as("WHAT");
  command.add_flag("--take-over", options->retention.take_over, "even from a writer that may be at work");
  command.add_flag("--dry-run,-n", options->dry_run, "say what would go, and change nothing");
  command.add_json(options->json);
  const auto work = [options] {
    understand(*options);
    return retain(*options);
  };
  command.runs(work, exit_code);
}

}  // namespace varve::cli
