// varve cat: a log's records to standard output.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/interruption.h"
#include "cli/log_uri.h"
#include "cli/moment.h"
#include "cli/record_printer.h"
#include "cli/report.h"
#include "varve/reader.h"

namespace varve::cli {
namespace {

constexpr const char* about =
    R"(Print a log's records.

In order, from the log's start, an offset or a time to its end. Every record's checksum is verified.
Readers disturb nobody: the log may be written and trimmed meanwhile.)";

constexpr const char* examples =
    R"(  varve cat file:///var/tmp/mylog                      every record, one a line
  varve cat file:///var/tmp/mylog --from 100 --count 10 --offsets
  varve cat file:///var/tmp/mylog --since 10m          what came in the last ten minutes
  varve cat file:///var/tmp/mylog --tail 20            the last twenty
  varve cat file:///var/tmp/mylog --follow             and wait for more; Ctrl-C ends it
  varve cat file:///var/tmp/photos --from 3 --count 1 --framing file > 3.jpg)";

struct CatOptions {
  std::string log;
  std::optional<Offset> from;
  std::string since;
  std::optional<std::int64_t> since_unix_ms;
  std::optional<std::uint64_t> tail;
  std::uint64_t count = UINT64_MAX;
  bool follow = false;
  std::uint32_t poll_max_ms = ReaderOptions().poll_max_ms;
  bool offsets = false;
  Framing framing = Framing::lines;
};

/// The next record. Whoever follows sees what there is before we wait for more.
Result<std::optional<Record>> next_record(Reader& reader, bool follow, Output& output) {
  if (!follow) return reader.next();
  auto record = reader.next(std::chrono::milliseconds(0));
  if (!record || *record) return record;
  output.flush();
  return reader.next();
}

Result<void> print_records(Reader& reader, const CatOptions& options, const Interruption* interruption,
                           RecordPrinter& printer) {
  for (std::uint64_t printed = 0; printed < options.count && !printer.output().ended(); ++printed) {
    const auto record = next_record(reader, options.follow, printer.output());
    if (!record) return record.error();
    if (!*record && interruption == nullptr) return {};
    if (!*record && interruption->signal() != 0) return {};
    if (*record) printer.print(**record);
  }
  return {};
}

ExitCode cat(const CatOptions& options) {
  std::optional<Interruption> interruption;
  if (options.follow) interruption.emplace();
  auto log = resolve_log(options.log);
  if (!log) return report(log.error());
  auto reader = Reader::open(*std::move(log), {.from = options.from,
                                               .since_unix_ms = options.since_unix_ms,
                                               .last = options.tail,
                                               .follow = options.follow,
                                               .poll_max_ms = options.poll_max_ms});
  if (!reader) return report(reader.error());
  if (interruption) interruption->defer([&reader] { (*reader)->stop(); });

  RecordPrinter printer(options.framing, options.offsets);
  const auto printed = print_records(**reader, options, interruption ? &*interruption : nullptr, printer);
  const bool finished = printer.finish();
  interruption.reset();  // it would stop the reader
  if (!finished) return ExitCode::failure;
  return printed ? ExitCode::fine : report(printed.error());
}

/// What "--since" means now.
std::int64_t since_of(const CatOptions& options) {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const auto moment = parse_moment(options.since, now.count());
  if (!moment) {
    refuse_argument("--since",
                    fmt::format("'{}' is no time: write 30s, 10m, 2h or 7d for so long ago, or a date as in "
                                "2026-01-31T08:00Z",
                                options.since));
  }
  return *moment;
}

/// Combinations that would print something nobody can take apart again.
void check(const CatOptions& options) {
  if (options.from.has_value() + !options.since.empty() + options.tail.has_value() > 1) {
    refuse_argument("--from, --since, --tail", "each says where to begin: give one of them");
  }
  if (options.framing == Framing::file && options.count != 1) {
    refuse_argument("--framing file", "prints one record's bytes alone; add --count 1");
  }
  if (options.offsets && options.framing != Framing::lines) {
    refuse_argument("--offsets", "goes with --framing lines only");
  }
}

}  // namespace

void add_cat(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<CatOptions>();
  Command command = commands.add_command("cat", about, examples);
  command.add_log(options->log);
  command.add("--from", options->from, "the first offset to print (the log's start)").shown_as("N");
  command
      .add("--since", options->since,
           "begin with what was written then: 30s, 10m, 2h, 7d ago, or\n"
           "2026-01-31, 2026-01-31T08:00Z; by the writers' clocks")
      .shown_as("TIME");
  command.add("--tail", options->tail, "begin so many records before the end").shown_as("N");
  command.add("--count", options->count, "print this many records at most").shown_as("N");
  command.add_flag("--follow,-f", options->follow, "at the end, wait for more");
  command
      .add("--poll-max", options->poll_max_ms,
           "while nothing comes, ask less and less often, to this (1s);\n"
           "what that costs on S3: docs/operations.md")
      .in_milliseconds(60'000)
      .shown_as("TIME");
  command.add_flag("--offsets", options->offsets, "print each record's offset and a tab before it");
  command.add_framing(options->framing);
  const auto work = [options] {
    check(*options);
    if (!options->since.empty()) options->since_unix_ms = since_of(*options);
    return cat(*options);
  };
  command.runs(work, exit_code);
}

}  // namespace varve::cli
