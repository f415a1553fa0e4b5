#include "cli/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <limits>
#include <map>

namespace varve::cli {
namespace {

/// As CLI11's own, which writes its bounds with six decimals.
CLI::Validator within(double least, double most, std::string bounds) {
  const auto check = [least, most, bounds = std::move(bounds)](std::string& text) -> std::string {
    double value = 0;
    if (CLI::detail::lexical_cast(text, value) && value >= least && value <= most) return "";
    return fmt::format("must be a number {}, not '{}'", bounds, text);
  };
  return {check, ""};
}

}  // namespace

Argument& Argument::hidden() {
  option_->group("");
  return *this;
}

Argument& Argument::shown_as(const std::string& name) {
  option_->type_name(name);
  return *this;
}

Argument& Argument::required() {
  option_->required();
  return *this;
}

Argument& Argument::shows_default() {
  option_->capture_default_str();
  return *this;
}

Argument& Argument::not_negative() {
  option_->check(within(0, std::numeric_limits<double>::infinity(), "0 or more"));
  return *this;
}

Argument& Argument::between(double least, double most) {
  option_->check(within(least, most, fmt::format("from {} to {}", least, most)));
  return *this;
}

Argument& Argument::one_of(std::vector<std::string> values) {
  option_->check(CLI::IsMember(std::move(values)).description(""));
  return *this;
}

Argument& Argument::in_bytes(std::uint64_t least, std::uint64_t most) {
  const std::map<std::string, std::uint64_t> units{
      {"B", 1},         {"KB", 1000},     {"MB", 1'000'000}, {"GB", 1'000'000'000},
      {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},  {"TiB", std::uint64_t{1} << 40}};
  option_->transform(CLI::AsNumberWithUnit(units).description(""))
      ->check(CLI::Range(least, most).description(""))
      ->type_name("SIZE");
  return *this;
}

Argument& Argument::in_milliseconds(std::uint64_t most) {
  const std::map<std::string, std::uint64_t> units{{"ms", 1}, {"s", 1000}, {"min", 60'000}};
  option_->transform(CLI::AsNumberWithUnit(units).description(""))
      ->check(CLI::Range(std::uint64_t{0}, most).description(""))
      ->type_name("TIME");
  return *this;
}

bool Argument::given() const { return !option_->empty(); }

Command Command::add_command(const std::string& name, const std::string& about, const std::string& examples) {
  CLI::App* const command = app_->add_subcommand(name, about + "\n");
  command->footer("Examples:\n" + examples);
  return Command(*command);
}

template <typename Value>
Argument Command::add(const std::string& name, Value& value, const std::string& help) {
  return Argument(*app_->add_option(name, value, help));
}

template Argument Command::add(const std::string&, std::string&, const std::string&);
template Argument Command::add(const std::string&, std::vector<std::string>&, const std::string&);
template Argument Command::add(const std::string&, std::vector<std::uint64_t>&, const std::string&);
template Argument Command::add(const std::string&, int&, const std::string&);
template Argument Command::add(const std::string&, std::uint32_t&, const std::string&);
template Argument Command::add(const std::string&, std::uint64_t&, const std::string&);
template Argument Command::add(const std::string&, double&, const std::string&);
template Argument Command::add(const std::string&, std::optional<double>&, const std::string&);
template Argument Command::add(const std::string&, std::optional<std::uint32_t>&, const std::string&);
template Argument Command::add(const std::string&, std::optional<std::uint64_t>&, const std::string&);

Argument Command::add_flag(const std::string& name, bool& value, const std::string& help) {
  return Argument(*app_->add_flag(name, value, help));
}

void Command::add_log(std::string& log) {
  add("LOG", log, "the log: a store's URI that ends in the log's name, as in s3://bucket/name")
      .required()
      .shown_as("");
}

void Command::add_framing(Framing& framing) {
  static const std::map<std::string, Framing> framings{
      {"lines", Framing::lines}, {"length", Framing::length}, {"file", Framing::file}};
  app_->add_option_function<std::string>(
          "--framing", [&framing](const std::string& name) { framing = framings.at(name); },
          "lines: a record is a line (default)\n"
          "length: u32 little-endian length before each record\n"
          "file: a file is one record")
      ->check(CLI::IsMember(std::vector<std::string>{"lines", "length", "file"}).description(""))
      ->type_name("lines|length|file");
}

void Command::add_compression(WriterOptions& writer) {
  static const std::map<std::string, Compression> compressions = [] {
    std::map<std::string, Compression> by_name;
    for (const Compression each :
         {Compression::none, Compression::lz4, Compression::zstd, Compression::adaptive}) {
      by_name.emplace(to_string(each), each);
    }
    return by_name;
  }();
  app_->add_option_function<std::string>(
          "--compression", [&writer](const std::string& name) { writer.compression = compressions.at(name); },
          "how batches are compressed (none); adaptive: by what is\n"
          "cheapest at the moment, CPU or the line to the store")
      ->check(CLI::IsMember(std::vector<std::string>{"none", "lz4", "zstd", "adaptive"}).description(""))
      ->type_name("none|lz4|zstd|adaptive");
  add("--compression-level", writer.compression_level, "how thorough zstd is, -7 to 19 (3)")
      .between(-7, 19)
      .shown_as("N");
}

void Command::add_json(bool& json) { add_flag("--json", json, "print JSON"); }

void Command::runs(std::function<ExitCode()> work, ExitCode& exit_code) {
  app_->callback([work = std::move(work), &exit_code] { exit_code = work(); });
}

void Command::needs_subcommand() { app_->require_subcommand(1); }

void refuse_argument(const std::string& argument, const std::string& why) {
  throw CLI::ValidationError(argument, why);
}

}  // namespace varve::cli
