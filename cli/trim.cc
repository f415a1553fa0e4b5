// varve trim: a new start for a log.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/log_uri.h"
#include "cli/report.h"
#include "varve/inspect.h"
#include "varve/writer.h"

namespace varve::cli {
namespace {

constexpr const char* trim_about =
    R"(Give a log a new start, and delete what lies below it.

First the new start is durable in the log, only then anything is deleted: a crash in between costs
space, never data, and the next trim or open finishes the work. Objects go whole: the one that holds
record N stays.

Takes the log over, as `append` does: a program that writes meanwhile is fenced. (It can trim by
itself: Writer::trim.))";

constexpr const char* trim_examples =
    R"(  varve trim file:///var/tmp/mylog --before 1000000
  varve trim file:///var/tmp/mylog --before 0          finish deletions that were interrupted)";

struct CliTrimOptions {
  std::string log;
  Offset before = 0;
  TrimOptions trim;
  bool json = false;
};

/// A mistyped offset should not fence anybody: looks before the log is taken over.
Result<void> check_offset(const LogAddress& log, Offset before) {
  const auto info = inspect(log);
  if (!info) return info.error();
  if (before <= info->end_offset) return {};
  return Error(Code::out_of_range,
               fmt::format("the log ends at offset {}; --before may be at most that, not {}",
                           info->end_offset, before));
}

Result<TrimReport> trim_log(const LogAddress& log, const CliTrimOptions& options) {
  if (const auto checked = check_offset(log, options.before); !checked) return checked.error();
  WriterOptions open_options;
  open_options.must_exist = true;
  auto writer = Writer::open(log, open_options);
  if (!writer) return writer.error();
  auto trimmed = (*writer)->trim(options.before, options.trim);
  if (!trimmed) return trimmed;
  if (const auto closed = (*writer)->close(); !closed) return closed.error();
  return trimmed;
}

void print_trimmed(const TrimReport& done) {
  fmt::print("the log starts at offset {}; {} deleted\n", with_commas(done.start_offset),
             counted(done.objects_deleted, "object"));
  if (done.objects_left == 0) return;
  fmt::print("{} could not be deleted now; the next trim or open tries again\n",
             counted(done.objects_left, "object"));
}

ExitCode trim(const CliTrimOptions& options) {
  const auto log = resolve_log(options.log);
  if (!log) return report(log.error());
  const auto trimmed = trim_log(*log, options);
  if (!trimmed) return report(trimmed.error());
  if (options.json) {
    print_json({{"start_offset", trimmed->start_offset},
                {"objects_deleted", trimmed->objects_deleted},
                {"objects_left", trimmed->objects_left}});
  } else {
    print_trimmed(*trimmed);
  }
  return ExitCode::fine;
}

}  // namespace

void add_trim(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<CliTrimOptions>();
  Command command = commands.add_command("trim", trim_about, trim_examples);
  command.add_log(options->log);
  command.add("--before", options->before, "the offset that the log shall start at").required().shown_as("N");
  command
      .add("--no-writer-sleeps-days", options->trim.no_writer_sleeps_days,
           "your word that no writer of this log sleeps longer than D days\n"
           "and then wakes: older seals below N are deleted too. If it is\n"
           "wrong, data can be lost. Without it they stay for ever.\n"
           "Needs two clocks: the store's own, or other hosts'")
      .shown_as("D");
  command.add_json(options->json);
  command.runs([options] { return trim(*options); }, exit_code);
}

}  // namespace varve::cli
