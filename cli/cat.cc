// varve cat: a log's records to standard output.
#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/interruption.h"
#include "cli/log_uri.h"
#include "cli/moment.h"
#include "cli/record_printer.h"
#include "cli/report.h"
#include "varve/consumer.h"
#include "varve/reader.h"

namespace varve::cli {
namespace {

constexpr const char* cat_about =
    R"(Print a log's records.

In order, from the log's start, an offset or a time to its end. Every record's checksum is verified.
Readers disturb nobody: the log may be written and trimmed meanwhile.

With --cursor NAME it begins where the cursor is (a new one: at the log's start, or as told), and
moves it over what has been written to standard output: the next time it goes on from there.)";

constexpr const char* cat_examples =
    R"(  varve cat file:///var/tmp/mylog                      every record, one a line
  varve cat file:///var/tmp/mylog --from 100 --count 10 --offsets
  varve cat file:///var/tmp/mylog --since 10m          what came in the last ten minutes
  varve cat file:///var/tmp/mylog --tail 20            the last twenty
  varve cat file:///var/tmp/mylog --follow             and wait for more; Ctrl-C ends it
  varve cat file:///var/tmp/mylog --cursor backup >> /backup/mylog
  varve cat file:///var/tmp/photos --from 3 --count 1 --framing file > 3.jpg)";

struct CatOptions {
  std::string log;
  std::optional<Offset> from;
  std::string since;
  std::optional<std::int64_t> since_unix_ms;
  std::optional<std::uint64_t> tail;
  std::string cursor;
  bool skip_trimmed = false;
  std::uint64_t count = UINT64_MAX;
  bool follow = false;
  std::uint32_t poll_max_ms = ReaderOptions().poll_max_ms;
  bool offsets = false;
  Framing framing = Framing::lines;
};

// After so many records at the latest a cursor may move over them.
constexpr std::uint64_t records_between_moves = 1000;

/// Prints what a `Reader` or a `Consumer` hands out. `written` is called now and then, when all that was
/// printed has left the buffer; what it is given is the last one's offset.
template <class Source>
class Printing {
 public:
  using Written = std::function<Result<void>(Offset)>;
  Printing(Source& source, const CatOptions& options, const Interruption* interruption, Written written)
      : source_(source),
        options_(options),
        interruption_(interruption),
        written_(std::move(written)),
        printer_(options.framing, options.offsets) {}

  Result<void> run() {
    for (std::uint64_t printed = 0; printed < options_.count && !printer_.output().ended(); ++printed) {
      const auto record = next();
      if (!record) return record.error();
      if (!*record && (interruption_ == nullptr || interruption_->signal() != 0)) break;
      if (!*record) continue;
      printer_.print(**record);
      last_ = (*record)->offset;
      if (printed % records_between_moves + 1 < records_between_moves) continue;
      if (const auto settled = settle(); !settled) return settled;
    }
    return settle();
  }

  [[nodiscard]] bool finish() { return printer_.finish(); }

 private:
  /// The next record. Whoever follows sees what there is before we wait for more.
  Result<std::optional<Record>> next() {
    if (!options_.follow) return source_.next();
    auto record = source_.next(std::chrono::milliseconds(0));
    if (!record || *record) return record;
    if (const auto settled = settle(); !settled) return settled.error();
    return source_.next();
  }

  Result<void> settle() {
    printer_.output().flush();
    if (printer_.output().ended() || !last_) return {};
    return written_(*std::exchange(last_, std::nullopt));
  }

  Source& source_;
  const CatOptions& options_;
  const Interruption* interruption_;
  Written written_;
  RecordPrinter printer_;
  std::optional<Offset> last_;
};

template <class Source>
ExitCode print_all(Source& source, const CatOptions& options, std::optional<Interruption>& interruption,
                   typename Printing<Source>::Written written) {
  if (interruption) interruption->defer([&source] { source.stop(); });
  Printing<Source> printing(source, options, interruption ? &*interruption : nullptr, std::move(written));
  const auto printed = printing.run();
  const bool finished = printing.finish();
  interruption.reset();  // it would stop the source
  if (!finished) return ExitCode::failure;
  return printed ? ExitCode::fine : report(printed.error());
}

ExitCode cat_by_cursor(LogAddress log, const ReaderOptions& reader, const CatOptions& options,
                       std::optional<Interruption>& interruption) {
  auto consumer = Consumer::open(std::move(log), options.cursor,
                                 {.skip_trimmed = options.skip_trimmed, .reader = reader});
  if (!consumer) return report(consumer.error());
  const ExitCode printed =
      print_all(**consumer, options, interruption, [&](Offset last) { return (*consumer)->done(last); });
  const auto closed = (*consumer)->close();
  if ((*consumer)->skipped() != 0) {
    complain(fmt::format("{} records had been trimmed away before they were read", (*consumer)->skipped()));
  }
  return closed || printed != ExitCode::fine ? printed : report(closed.error());
}

ExitCode cat(const CatOptions& options) {
  std::optional<Interruption> interruption;
  if (options.follow) interruption.emplace();
  auto log = resolve_log(options.log);
  if (!log) return report(log.error());
  const ReaderOptions reader_options{.from = options.from,
                                     .since_unix_ms = options.since_unix_ms,
                                     .last = options.tail,
                                     .follow = options.follow,
                                     .poll_max_ms = options.poll_max_ms};
  if (!options.cursor.empty()) return cat_by_cursor(*std::move(log), reader_options, options, interruption);
  auto reader = Reader::open(*std::move(log), reader_options);
  if (!reader) return report(reader.error());
  return print_all(**reader, options, interruption, [](Offset) { return Result<void>(); });
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
  if (options.skip_trimmed && options.cursor.empty()) refuse_argument("--skip-trimmed", "goes with --cursor");
  if (options.offsets && options.framing != Framing::lines) {
    refuse_argument("--offsets", "goes with --framing lines only");
  }
}

}  // namespace

void add_cat(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<CatOptions>();
  Command command = commands.add_command("cat", cat_about, cat_examples);
  command.add_log(options->log);
  command.add("--from", options->from, "the first offset to print (the log's start)").shown_as("N");
  command
      .add("--since", options->since,
           "begin with what was written then: 30s, 10m, 2h, 7d ago, or\n"
           "2026-01-31, 2026-01-31T08:00Z; by the writers' clocks")
      .shown_as("TIME");
  command.add("--tail", options->tail, "begin so many records before the end").shown_as("N");
  command
      .add("--cursor", options->cursor,
           "begin where this cursor is, and move it over what was\n"
           "printed; the options above are for a cursor that is new")
      .shown_as("NAME");
  command.add_flag("--skip-trimmed", options->skip_trimmed,
                   "where the log was trimmed past the cursor, go on behind");
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
