// How a command describes its arguments: a thin front of CLI11, whose header costs seconds wherever
// it is included.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/framing.h"
#include "varve/writer.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs
class App;
class Option;
}  // namespace CLI

namespace varve::cli {

/// An option, or an argument by position.
class Argument {
 public:
  explicit Argument(CLI::Option& option) : option_(&option) {}

  /// What its help shows for the value.
  Argument& shown_as(const std::string& name);
  /// Accepted, and not in the help.
  Argument& hidden();
  Argument& required();
  Argument& shows_default();

  Argument& not_negative();
  Argument& between(double least, double most);
  Argument& one_of(std::vector<std::string> values);
  /// It takes bytes with a unit: "8MiB", "500KB", "4096".
  Argument& in_bytes(std::uint64_t least, std::uint64_t most);
  /// It takes a time with a unit: "2s", "5min"; without one it is milliseconds.
  Argument& in_milliseconds(std::uint64_t most);

  /// Whether the command line had it; known once that is parsed.
  [[nodiscard]] bool given() const;

 private:
  CLI::Option* option_;
};

/// A command, being described. What the arguments are stored to must outlive the parsing.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}

  /// The first line of `about` is the summary; `examples` are shown at the end of the help, one a line.
  Command add_command(const std::string& name, const std::string& about, const std::string& examples);

  /// `name` as in "--count" or "--follow,-f"; one without dashes is an argument by position. Values
  /// may be text, lists of it, whole numbers and fractions, and optional ones.
  template <typename Value>
  Argument add(const std::string& name, Value& value, const std::string& help);
  Argument add_flag(const std::string& name, bool& value, const std::string& help);

  /// It does nothing without one of those added to it.
  void needs_subcommand();

  // What several commands take.
  void add_log(std::string& log);
  void add_framing(Framing& framing);
  /// --compression and --compression-level.
  void add_compression(WriterOptions& writer);
  void add_json(bool& json);

  /// What the command does, once everything is parsed.
  void runs(std::function<ExitCode()> work, ExitCode& exit_code);

 private:
  CLI::App* app_;
};

/// For use in the work of a command: what was given for `argument` cannot be; ends it as a usage error.
[[noreturn]] void refuse_argument(const std::string& argument, const std::string& why);

}  // namespace varve::cli
