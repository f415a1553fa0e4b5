// varve append: records from files or standard input into a log.
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/acks.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/event_log.h"
#include "cli/feeder.h"
#include "cli/human.h"
#include "cli/input.h"
#include "cli/interruption.h"
#include "cli/log_uri.h"
#include "cli/metrics_server.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/wakeup.h"

namespace varve::cli {
namespace {

using std::chrono::steady_clock;

constexpr const char* append_about =
    R"(Append records from files or standard input to a log.

Creates the log if there is none. Takes it over: whoever wrote to it before is fenced, and can never
acknowledge anything again. Ends when everything is durable. On failure it says which records are
acknowledged, which may or may not be in the log, and which are not. Ctrl-C stops reading and closes
the log in order; a second one ends at once.

With --standby a record is acknowledged when both places have it. The standby holds a mirror: if
the first is lost, `varve promote` makes it the log, with all that was acknowledged. Give the option to
every writer of the log. While the standby is away, acknowledgements stop, or with
--on-standby-loss degrade they go on with the first alone until the standby has caught up, and say so.)";

constexpr const char* append_examples =
    R"(  varve append file:///var/tmp/mylog /var/log/dpkg.log        every line is a record
  journalctl -f | varve append --acks file:///var/tmp/mylog   says what is durable, as it goes
  varve append --framing file file:///var/tmp/photos *.jpg    every file is a record
  seq 99999 | varve append "mem://try/log?put=100ms,195ms,274ms"  at the pace of a remote store
  varve append s3://eu/orders --standby s3://us/orders       durable is what both have)";

struct AppendOptions {
  std::string log;
  std::vector<std::string> files;
  Framing framing = Framing::lines;
  bool acks = false;
  bool quiet = false;
  bool verbose = false;
  std::optional<std::uint32_t> metrics_port;
  std::string metrics_address = "127.0.0.1";
  std::string standby;
  std::string on_standby_loss = "wait";
  WriterOptions writer;
};

std::string progress_line(const Feeder& feeder, const WriterStatus& status, double seconds) {
  const bool alone = status.standby && status.standby->degraded;
  return fmt::format("{}  {}  durable offset {}{}{}", counted(feeder.records(), "record"),
                     human_rate(feeder.bytes(), seconds), with_commas(status.durable_offset),
                     status.waiting_for_store ? "  (the store does not answer; trying again)" : "",
                     alone ? "  (in the first store alone)" : "");
}

/// What became of the standby, if there is one.
std::string in_which_stores(const WriterStatus& status) {
  if (!status.standby) return "";
  if (status.standby->unreplicated_records == 0) return " in both stores";
  return fmt::format(" in the first store, and {} not in the standby yet",
                     counted(status.standby->unreplicated_records, "record"));
}

void print_summary(const Feeder& feeder, OffsetRange appended, const WriterStatus& status, double seconds) {
  fmt::print(stderr, "appended {} ({}), {}, all durable{}, in {} ({})\n", counted(feeder.records(), "record"),
             human_range(appended), human_bytes(feeder.bytes()), in_which_stores(status),
             human_seconds(seconds), human_rate(feeder.bytes(), seconds));
}

/// After a failure: the three things a record can be, and where to go on.
void print_outcomes(const Feeder& feeder, OffsetRange acknowledged) {
  fmt::print(stderr, "  acknowledged  {} ({}): in the log for good\n",
             counted(acknowledged.end - acknowledged.begin, "record"), human_range(acknowledged));
  fmt::print(stderr, "  unknown       {}: may or may not be in the log; if so, from offset {} on\n",
             counted(feeder.unknown_records(), "record"), acknowledged.end);
  fmt::print(stderr, "  not written   {}, and the input from its record {} on: not in the log\n",
             counted(feeder.not_written_records(), "record"), with_commas(feeder.records() + 1));
}

/// Inputs that cannot be read are better found before the log is taken over.
Result<void> check_readable(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    if (const auto input = Input::open(file); !input) return input.error();
  }
  return {};
}

ExitCode append(AppendOptions options) {
  if (options.files.empty()) options.files.emplace_back("-");
  if (const auto readable = check_readable(options.files); !readable) return report(readable.error());

  Wakeup stop;  // outlives who may set it
  Interruption interruption;
  const auto log = resolve_log(options.log);
  if (!log) return report(log.error());
  if (!options.standby.empty()) {
    auto standby = resolve_log(options.standby);
    if (!standby) return report(standby.error());
    options.writer.standby = *std::move(standby);
    const bool degrades =
        options.on_standby_loss == "degrade" || options.on_standby_loss == "go-on";  // old spelling
    options.writer.on_standby_loss = degrades ? OnStandbyLoss::degrade : OnStandbyLoss::wait;
  }
  // Before the log is taken over: a port that is taken is no reason to fence somebody.
  std::unique_ptr<Exporter> exporter;
  if (options.metrics_port) {
    auto started = serve_metrics(options.metrics_address, static_cast<std::uint16_t>(*options.metrics_port));
    if (!started) return report(started.error());
    exporter = *std::move(started);
  }
  options.writer.on_event = event_log(options.quiet     ? Verbosity::quiet
                                      : options.verbose ? Verbosity::all
                                                        : Verbosity::remarkable);
  auto opened = Writer::open(*log, options.writer);
  if (!opened) return report(opened.error());
  Writer& writer = **opened;
  const std::unique_ptr<Exporter> watching = std::move(exporter);  // ends before the writer does
  if (watching) {
    watching->watch(options.log, writer);
    watching->watch(options.log, *log, look_every_ms(*log));
  }

  const auto began = steady_clock::now();
  const auto seconds = [began] { return std::chrono::duration<double>(steady_clock::now() - began).count(); };
  const Offset first = writer.status().end_offset;
  interruption.defer([&stop] { stop.set(); });
  Feeder feeder(writer, options.framing, stop);

  std::optional<AckPrinter> acks;
  if (options.acks) acks.emplace(writer, stop);
  std::optional<Progress> progress;
  if (!options.quiet) progress.emplace([&] { return progress_line(feeder, writer.status(), seconds()); });

  const auto fed = feeder.feed(options.files);
  const auto closed = writer.close();
  if (acks) acks->finish();
  progress.reset();

  const OffsetRange acknowledged{first, writer.status().durable_offset};
  if (!closed) {
    const ExitCode exit_code = report(closed.error());
    print_outcomes(feeder, acknowledged);
    return exit_code;
  }
  if (!options.quiet || !feeder.complete()) print_summary(feeder, acknowledged, writer.status(), seconds());
  if (!fed) return report(fed.error());
  if (feeder.complete()) return ExitCode::fine;
  if (interruption.signal() != 0) {
    complain("stopped by a signal before the input's end; the log was closed in order");
    Interruption::end_by(interruption.signal());
  }
  complain("stopped before the input's end: nobody reads the acknowledgements on standard output any more");
  return ExitCode::failure;
}

/// As the options were named in the version before.
void add_old_standby(Command& command, AppendOptions& options) {
  command.add("--second-store", options.standby, "").hidden();  // old spelling
  command
      .add("--when-second-is-away", options.on_standby_loss, "")  // old spelling
      .one_of({"stop", "go-on"})
      .hidden();
  command
      .add("--second-patience-ms", options.writer.standby_patience_ms, "")  // old spelling
      .in_milliseconds(3'600'000)
      .hidden();
}

void add_standby(Command& command, AppendOptions& options) {
  command
      .add("--standby", options.standby,
           "acknowledge only what this place has, too: empty, or a\n"
           "mirror of the log")
      .shown_as("URI");
  command
      .add("--on-standby-loss", options.on_standby_loss,
           "wait: nothing is acknowledged meanwhile (wait);\n"
           "degrade: what the first store has")
      .one_of({"wait", "degrade"})
      .shown_as("wait|degrade");
  command
      .add("--standby-patience-ms", options.writer.standby_patience_ms,
           "how long a standby that makes no progress is waited for\n"
           "before the writer goes on without it (10s)")
      .in_milliseconds(3'600'000);
  add_old_standby(command, options);
}

void add_tuning(Command& command, WriterOptions& writer) {
  command.add("--batch-bytes", writer.batch_bytes, "upload when this much is collected (8MiB)")
      .in_bytes(std::uint64_t{64} << 10, std::uint64_t{64} << 20);
  command
      .add("--linger-ms", writer.linger_ms,
           "how long a record may wait for company while uploads\n"
           "are outstanding (2ms)")
      .in_milliseconds(60'000);
  command
      .add("--window", writer.window,
           "how many objects may be in flight; fixed for ever when\n"
           "the log is created (64)")
      .between(1, 1024)
      .shown_as("1-1024");
  command
      .add("--uploads", writer.uploads_max,
           "how many objects are uploaded at once; fewer than the\n"
           "window lets them go on past a slow one (as the window)")
      .between(1, 1024)
      .shown_as("1-1024");
  command
      .add("--puts-per-second", writer.puts_per_second,
           "bound the uploads of batches that are not full\n"
           "(no bound where requests are free)")
      .not_negative()
      .shown_as("NUMBER");
  command
      .add("--give-up-ms", writer.give_up_ms,
           "how long one upload is tried before giving up;\n"
           "0: for ever (2min)")
      .in_milliseconds(UINT32_MAX);
  command.add_compression(writer);
  command.add_flag("--must-exist", writer.must_exist, "fail if there is no such log, rather than create it");
}

}  // namespace

void add_append(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<AppendOptions>();
  Command command = commands.add_command("append", append_about, append_examples);
  command.add_log(options->log);
  command.add("FILE", options->files, "where records come from; none or -: standard input").shown_as("");
  command.add_framing(options->framing);
  command.add_flag("--acks", options->acks,
                   "print \"durable N\" each time it moves: every record below offset N is safe");
  command.add_flag("--quiet,-q", options->quiet, "no progress, no events and no summary");
  command.add_flag("--verbose,-v", options->verbose,
                   "tell all events on standard error: opened, closed, ...;\n"
                   "otherwise only what is remarkable: a store that is slow,\n"
                   "an unfinished tail that was cut off");
  command
      .add("--metrics-port", options->metrics_port,
           "serve metrics and a page meanwhile; 0: at any port that\n"
           "is free")
      .between(0, 65'535)
      .shown_as("PORT");
  command.add("--metrics-address", options->metrics_address, "where; 0.0.0.0: whoever can reach it may look")
      .shown_as("ADDRESS")
      .shows_default();
  add_standby(command, *options);
  add_tuning(command, options->writer);
  command.runs([options] { return append(*options); }, exit_code);
}

}  // namespace varve::cli
