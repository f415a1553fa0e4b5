#include "cli/arguments.h"

#include <CLI/CLI.hpp>
#include <map>
#include <vector>

namespace varve::cli {

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& about,
                      const std::string& examples) {
  CLI::App* const command = app.add_subcommand(name, about + "\n");
  command->footer("Examples:\n" + examples);
  return command;
}

void add_log(CLI::App& app, std::string& log) {
  app.add_option("LOG", log, "the log: a store's URI that ends in the log's name, as in file:///dir/name")
      ->required()
      ->type_name("");
}

void add_framing(CLI::App& app, Framing& framing) {
  static const std::map<std::string, Framing> framings{
      {"lines", Framing::lines}, {"length", Framing::length}, {"file", Framing::file}};
  app.add_option_function<std::string>(
         "--framing", [&framing](const std::string& name) { framing = framings.at(name); },
         "lines: a record is a line (default)\n"
         "length: u32 little-endian length before each record\n"
         "file: a file is one record")
      ->check(CLI::IsMember(std::vector<std::string>{"lines", "length", "file"}).description(""))
      ->type_name("lines|length|file");
}

void add_json(CLI::App& app, bool& json) { app.add_flag("--json", json, "print JSON"); }

void in_bytes(CLI::Option& option, std::uint64_t least, std::uint64_t most) {
  const std::map<std::string, std::uint64_t> units{
      {"B", 1}, {"KB", 1000}, {"MB", 1'000'000}, {"KiB", 1 << 10}, {"MiB", 1 << 20}};
  option.transform(CLI::AsNumberWithUnit(units).description(""))
      ->check(CLI::Range(least, most).description(""))
      ->type_name("SIZE");
}

void in_milliseconds(CLI::Option& option, std::uint64_t most) {
  const std::map<std::string, std::uint64_t> units{{"ms", 1}, {"s", 1000}, {"min", 60'000}};
  option.transform(CLI::AsNumberWithUnit(units).description(""))
      ->check(CLI::Range(std::uint64_t{0}, most).description(""))
      ->type_name("TIME");
}

}  // namespace varve::cli
