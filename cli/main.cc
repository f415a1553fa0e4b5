// varve: the command. Parses the arguments; each command does its work in a file of its own.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/nearest.h"
#include "cli/report.h"

namespace {

using varve::cli::ExitCode;

constexpr const char* main_about =
    R"(Varve: an ordered write-ahead log on object storage.

A LOG is named by its store's URI and its name: s3://bucket/name keeps it in a bucket, with the
credentials and the region that AWS's tools would use; file:///dir/name in a local directory;
mem://store/name in this process's memory, for tries: it ends with the command.
)";

constexpr const char* footer =
    R"(Examples:
  varve append file:///var/tmp/mylog /var/log/dpkg.log   put every line into a log
  varve cat file:///var/tmp/mylog --follow               print them, and wait for more
  varve info file:///var/tmp/mylog                       what does it hold?
  varve doctor s3://bucket                               may logs live in this bucket?
  varve top s3://bucket/orders                           watch one
  varve append --help                                    each command explains itself

Exit codes: 0 fine, 1 failure, 2 usage, 3 fenced (another writer took the log over), 4 corruption,
5 store unavailable, 6 offset out of range.)";

/// The list of commands has each one's summary; its own help has the whole text.
class Summaries : public CLI::Formatter {
 public:
  Summaries() {
    column_width(28);
    label("REQUIRED", "");
  }

  std::string make_subcommand(const CLI::App* command) const override {
    const std::string about_it = command->get_description();
    return fmt::format("  {:<15}{}\n", command->get_name(), about_it.substr(0, about_it.find('\n')));
  }
};

/// What the parser did not understand, said as we say things.
void explain(const CLI::App& app, const CLI::ParseError& error, const std::string& first_argument) {
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands({})) commands.push_back(command->get_name());
  const bool is_command = std::find(commands.begin(), commands.end(), first_argument) != commands.end();
  if (first_argument.empty()) {
    varve::cli::complain(
        fmt::format("a command is missing; there are {}. See varve --help", fmt::join(commands, ", ")));
  } else if (is_command) {
    varve::cli::complain(fmt::format("{}; see varve {} --help", error.what(), first_argument));
  } else if (first_argument.front() == '-') {
    varve::cli::complain(fmt::format("{}; see varve --help", error.what()));
  } else if (const auto nearest = varve::cli::nearest(first_argument, commands)) {
    varve::cli::complain(fmt::format("there is no command '{}'; did you mean '{}'? See varve --help",
                                     first_argument, *nearest));
  } else {
    varve::cli::complain(fmt::format("there is no command '{}'; there are {}. See varve --help",
                                     first_argument, fmt::join(commands, ", ")));
  }
}

ExitCode run(int argc, char** argv) {
  CLI::App app(main_about, "varve");
  app.formatter(std::make_shared<Summaries>());
  app.footer(footer);
  app.set_version_flag("--version", "varve " VARVE_VERSION);
  app.require_subcommand(1);

  ExitCode exit_code = ExitCode::fine;
  varve::cli::Command commands(app);
  varve::cli::add_append(commands, exit_code);
  varve::cli::add_cat(commands, exit_code);
  varve::cli::add_cursor(commands, exit_code);
  varve::cli::add_get(commands, exit_code);
  varve::cli::add_info(commands, exit_code);
  varve::cli::add_mirror(commands, exit_code);
  varve::cli::add_promote(commands, exit_code);
  varve::cli::add_repair(commands, exit_code);
  varve::cli::add_retain(commands, exit_code);
  varve::cli::add_trim(commands, exit_code);
  varve::cli::add_verify(commands, exit_code);
  varve::cli::add_dump(commands, exit_code);
  varve::cli::add_top(commands, exit_code);
  varve::cli::add_serve_metrics(commands, exit_code);
  varve::cli::add_doctor(commands, exit_code);
  varve::cli::add_bench(commands, exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {  // --help, --version
    app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    explain(app, error, argc > 1 ? argv[1] : "");
    return ExitCode::usage;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  // A closed pipe is an answer that `write` gives, not a reason to die.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return static_cast<int>(run(argc, argv));
  } catch (const std::exception& defect) {  // memory is exhausted, or the parser was set up wrongly
    varve::cli::complain(defect.what());
    return static_cast<int>(ExitCode::failure);
  }
}
