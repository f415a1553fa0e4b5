// varve verify: is everything there, and sound?
#include <fmt/format.h>

#include <atomic>
#include <memory>
#include <string>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/log_uri.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "varve/inspect.h"

namespace varve::cli {
namespace {

constexpr const char* verify_about =
    R"(Read everything in a log, and say what is wrong.

Every header, record, checksum, chain link and garbage. Changes nothing. Exits with 4 if data is
damaged or lost.)";

constexpr const char* verify_examples =
    R"(  varve verify file:///var/tmp/mylog
  varve verify file:///var/tmp/mylog --json | jq '.findings[]')";

struct VerifyOptions {
  std::string log;
  bool json = false;
};

/// Reads the log with a line of progress on the terminal.
Result<VerifyReport> verify_visibly(const LogAddress& log) {
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> total{0};
  const Progress progress([&] {
    return fmt::format("verified {} of {}", human_bytes(done.load(std::memory_order_relaxed)),
                       human_bytes(total.load(std::memory_order_relaxed)));
  });
  return varve::verify(log, [&](std::uint64_t bytes_done, std::uint64_t bytes_total) {
    done.store(bytes_done, std::memory_order_relaxed);
    total.store(bytes_total, std::memory_order_relaxed);
  });
}

nlohmann::ordered_json report_json(const VerifyReport& found) {
  auto findings = nlohmann::ordered_json::array();
  for (const Finding& finding : found.findings) {
    findings.push_back(
        {{"severity", to_string(finding.severity)}, {"key", finding.key}, {"what", finding.what}});
  }
  return {{"sound", found.sound()},
          {"records_checked", found.records_checked},
          {"bytes_read", found.bytes_read},
          {"findings", std::move(findings)},
          {"findings_cut", found.findings_cut},
          {"info", json_of(found.info)}};
}

void print_human(const VerifyReport& found) {
  for (const Finding& finding : found.findings) {
    fmt::print("{:<8} {}: {}\n", to_string(finding.severity), finding.key, finding.what);
  }
  if (found.findings_cut) fmt::print("... and more findings than are listed\n");
  const OffsetRange records{found.info.start_offset, found.info.end_offset};
  fmt::print("{}: {} checked ({}), {} in {} read\n", found.sound() ? "sound" : "DAMAGED",
             counted(found.records_checked, "record"), human_range(records),
             counted(found.info.objects, "object"), human_bytes(found.bytes_read));
}

ExitCode verify(const VerifyOptions& options) {
  const auto log = resolve_log(options.log);
  if (!log) return report(log.error());
  const auto found = verify_visibly(*log);
  if (!found) return report(found.error());
  if (options.json) {
    print_json(report_json(*found));
  } else {
    print_human(*found);
  }
  return found->sound() ? ExitCode::fine : ExitCode::corruption;
}

}  // namespace

void add_verify(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<VerifyOptions>();
  Command command = commands.add_command("verify", verify_about, verify_examples);
  command.add_log(options->log);
  command.add_json(options->json);
  command.runs([options] { return verify(*options); }, exit_code);
}

}  // namespace varve::cli
