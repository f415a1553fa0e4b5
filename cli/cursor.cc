// varve cursor: where a log's named readers have come to.
#include "varve/cursor.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/log_uri.h"
#include "cli/report.h"
#include "varve/reader.h"

namespace varve::cli {
namespace {

constexpr const char* cursor_about =
    R"(Keep where a reader has come to, beside the log.

A cursor is a name and an offset: every record below it is done with. It moves forward only, whoever
moves it from wherever. The log may be trimmed to its cursors, so that nobody misses a record.

A cursor knows the history that it is of: where an older copy of the log was restored and written on, list
says so, and nobody goes on from there. Delete it, and set it to where its reader is to go on.

  set NAME OFFSET   move it there, or create it
  get NAME          print its offset
  list              print all of them
  delete NAME       forget it, also one that cannot be used)";

constexpr const char* cursor_examples =
    R"(  varve cursor file:///var/tmp/mylog set backup 1200
  varve cat file:///var/tmp/mylog --from $(varve cursor file:///var/tmp/mylog get backup)
  varve cursor file:///var/tmp/mylog list --json)";

struct CliCursorOptions {
  std::string log;
  std::string action;
  std::string name;
  std::optional<Offset> offset;
  bool json = false;
};

void check(const CliCursorOptions& options) {
  const bool lists = options.action == "list";
  if (lists && !options.name.empty()) refuse_argument("NAME", "list takes none: it prints all cursors");
  if (!lists && options.name.empty()) refuse_argument("NAME", options.action + " needs the cursor's name");
  if (options.action == "set" && !options.offset)
    refuse_argument("OFFSET", "set needs the offset to move to");
  if (options.action != "set" && options.offset) refuse_argument("OFFSET", "only set takes one");
}

ExitCode print(const Result<Cursor>& cursor, bool json) {
  if (!cursor) return report(cursor.error());
  if (json) {
    print_json(json_of(*cursor));
  } else {
    fmt::print("{}\n", cursor->offset);
  }
  return ExitCode::fine;
}

ExitCode set(const Cursors& cursors, const LogAddress& log, const CliCursorOptions& options) {
  // A mistyped offset cannot be taken back, as a cursor moves forward only: it must be in the log.
  const auto there = Reader::open(log, {.from = options.offset});
  if (!there) return report(there.error());
  const auto moved = cursors.set(options.name, *options.offset);
  return moved && !options.json ? ExitCode::fine : print(moved, options.json);
}

ExitCode list(const Cursors& cursors, bool json) {
  const auto all = cursors.list();
  if (!all) return report(all.error());
  auto as_json = nlohmann::ordered_json::array();
  std::size_t width = 4;
  for (const Cursor& cursor : *all) {
    as_json.push_back(json_of(cursor));
    width = std::max(width, cursor.name.size());
  }
  if (json) {
    print_json(as_json);
    return ExitCode::fine;
  }
  for (const Cursor& cursor : *all) {
    if (cursor.readable) {
      fmt::print("{:<{}}  offset {}, moved {}\n", cursor.name, width, with_commas(cursor.offset),
                 human_time(cursor.moved_unix_ms));
    } else {
      fmt::print("{:<{}}  cannot be read\n", cursor.name, width);
    }
    if (cursor.problem) fmt::print("{:<{}}    {}\n", "", width, cursor.problem->message());
  }
  return ExitCode::fine;
}

ExitCode cursor(const CliCursorOptions& options) {
  const auto log = resolve_log(options.log);
  if (!log) return report(log.error());
  const auto cursors = Cursors::open(*log);
  if (!cursors) return report(cursors.error());
  if (options.action == "set") return set(*cursors, *log, options);
  if (options.action == "get") return print(cursors->get(options.name), options.json);
  if (options.action == "list") return list(*cursors, options.json);
  const auto removed = cursors->remove(options.name);
  return removed ? ExitCode::fine : report(removed.error());
}

}  // namespace

void add_cursor(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<CliCursorOptions>();
  Command command = commands.add_command("cursor", cursor_about, cursor_examples);
  command.add_log(options->log);
  command.add("ACTION", options->action, "set, get, list or delete")
      .required()
      .one_of({"set", "get", "list", "delete"})
      .shown_as("");
  command.add("NAME", options->name, "the cursor: letters, digits, '-', '_', '.'").shown_as("");
  command.add("OFFSET", options->offset, "where it moves to").shown_as("");
  command.add_json(options->json);
  const auto work = [options] {
    check(*options);
    return cursor(*options);
  };
  command.runs(work, exit_code);
}

}  // namespace varve::cli
