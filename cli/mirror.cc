// varve mirror: a log copied to another place, and kept up.
#include <fmt/format.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/interruption.h"
#include "cli/json.h"
#include "cli/log_uri.h"
#include "cli/metrics_server.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "varve/mirror.h"

namespace varve::cli {
namespace {

constexpr const char* mirror_about =
    R"(Copy a log to another place, object by object, and go on from where it was cut off.

The copy is the source's bytes, each checksum verified on the way, in order, so it is a valid log at
any moment: read it like any other. It is not written to before `varve promote` makes it a log of its
own. The source is only read, and never waits. What the source trims goes here too; --keep keeps it.

A place that has another log, or something that the source has not, is refused, never merged. A full or
denied destination is waited for, and said so; so is a source that cannot be reached.)";

constexpr const char* mirror_examples =
    R"(  varve mirror s3://eu/orders s3://us/orders           copies what is there, and ends
  varve mirror s3://eu/orders s3://us/orders --follow  and what will come; Ctrl-C ends it
  varve mirror s3://us/orders s3://eu/orders --attach  after a promotion: the old source as a mirror)";

struct CliMirrorOptions {
  std::string source;
  std::string destination;
  MirrorOptions mirror;
  bool follow = false;
  bool once = false;
  bool json = false;
  std::optional<std::uint32_t> metrics_port;
  std::string metrics_address = "127.0.0.1";
};

std::string progress_line(const MirrorStatus& status) {
  std::string line = fmt::format("copied {} ({}), up to offset {}", counted(status.objects, "object"),
                                 human_bytes(status.object_bytes), with_commas(status.copied_offset));
  if (status.records_behind != 0) {
    line += fmt::format("; behind by {}, about {}, {} s", counted(status.records_behind, "record"),
                        human_bytes(status.bytes_behind), status.seconds_behind);
  }
  if (status.waiting_for) line += "; waits: " + status.waiting_for->message();
  return line;
}

/// Says on standard error what is waited for, once each time it begins and when it is over: also where there
/// is no terminal to show a line of progress.
class Complaints {
 public:
  explicit Complaints(const Mirror& mirror) : mirror_(mirror), thread_([this] { watch(); }) {}
  ~Complaints() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  Complaints(const Complaints&) = delete;
  Complaints& operator=(const Complaints&) = delete;

 private:
  void watch() {
    constexpr std::chrono::milliseconds looks_every{200};
    bool waiting = false;
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, looks_every, [this] { return done_; })) {
      const auto complaint = mirror_.status().waiting_for;
      if (complaint && !waiting) complain("waiting: " + complaint->message());
      if (!complaint && waiting) complain("going on");
      waiting = complaint.has_value();
    }
  }

  const Mirror& mirror_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

ExitCode mirror(const CliMirrorOptions& options) {
  std::optional<Interruption> interruption;
  interruption.emplace();
  auto source = resolve_log(options.source);
  if (!source) return report(source.error());
  auto destination = resolve_log(options.destination);
  if (!destination) return report(destination.error());
  auto mirror = Mirror::open(*std::move(source), *std::move(destination), options.mirror);
  if (!mirror) return report(mirror.error());
  interruption->defer([&] { (*mirror)->stop(); });
  Result<void> done;
  {
    std::unique_ptr<Exporter> exporter;
    if (options.metrics_port) {
      auto started =
          serve_metrics(options.metrics_address, static_cast<std::uint16_t>(*options.metrics_port));
      if (!started) return report(started.error());
      exporter = *std::move(started);
      exporter->watch(options.destination, **mirror);
    }
    const Progress progress([&] { return progress_line((*mirror)->status()); });
    const Complaints complaints(**mirror);
    done = options.follow ? (*mirror)->follow() : (*mirror)->catch_up();
  }
  const bool interrupted = interruption->signal() != 0;
  interruption.reset();  // it would stop the mirror
  const MirrorStatus status = (*mirror)->status();
  if (options.json) {
    print_json(nlohmann::ordered_json::parse(to_json(status)));
  } else if (done) {
    fmt::print("{}\n", progress_line(status));
  }
  if (!done) return report(done.error());
  return interrupted && !options.follow ? ExitCode::failure : ExitCode::fine;
}

}  // namespace

void add_mirror(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<CliMirrorOptions>();
  Command command = commands.add_command("mirror", mirror_about, mirror_examples);
  command.add("source", options->source, "the log to copy: s3://bucket/path, file:///dir/name")
      .shown_as("SRC")
      .required();
  command.add("destination", options->destination, "where to: an empty place, or its mirror")
      .shown_as("DST")
      .required();
  command.add_flag("--follow,-f", options->follow, "go on as the source grows, until Ctrl-C");
  command.add_flag("--once", options->once, "end when all is copied that is there now (the default)");
  command.add_flag("--keep", options->mirror.keep_trimmed,
                   "keep what the source trims; readers of the copy begin where\n"
                   "the copy does. Decided when a mirror begins");
  command.add_flag("--attach", options->mirror.attach,
                   "DST is a log of its own, and all of it the beginning of SRC:\n"
                   "make it a mirror. Whoever writes there is fenced");
  command.add("--bytes-max", options->mirror.bytes_max, "memory for objects on their way")
      .shown_as("SIZE")
      .in_bytes(std::uint64_t{1} << 20, std::uint64_t{1} << 40);
  command
      .add("--give-up", options->mirror.give_up_ms, "how long a store that fails is asked again (for ever)")
      .shown_as("TIME")
      .in_milliseconds(UINT32_MAX);
  command
      .add("--metrics-port", options->metrics_port, "serve metrics meanwhile, lag included; 0: at any port")
      .shown_as("N")
      .between(0, 65'535);
  command.add("--metrics-address", options->metrics_address, "where; 0.0.0.0: whoever can reach it may look")
      .shown_as("IP");
  command.add_json(options->json);
  command.runs(
      [options] {
        if (options->follow && options->once) refuse_argument("--follow, --once", "give one of them");
        return mirror(*options);
      },
      exit_code);
}

}  // namespace varve::cli
