// varve get: single records by offset.
#include <memory>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/log_uri.h"
#include "cli/record_printer.h"
#include "cli/report.h"
#include "varve/point_reader.h"

namespace varve::cli {
namespace {

constexpr const char* get_about =
    R"(Print single records, by their offsets.

Wherever they lie in the log, in a few requests each: the objects around them are not fetched. Their
checksums are verified. For records in a row there is varve cat.)";

constexpr const char* get_examples =
    R"(  varve get file:///var/tmp/mylog 123456
  varve get file:///var/tmp/mylog 7 123456 99 --offsets
  varve get file:///var/tmp/photos 3 --framing file > 3.jpg)";

struct GetOptions {
  std::string log;
  std::vector<Offset> wanted;
  bool offsets = false;
  Framing framing = Framing::lines;
};

/// Combinations that would print something nobody can take apart again.
void check(const GetOptions& options) {
  if (options.framing == Framing::file && options.wanted.size() != 1) {
    refuse_argument("--framing file", "prints one record's bytes alone; give one offset");
  }
  if (options.offsets && options.framing != Framing::lines) {
    refuse_argument("--offsets", "goes with --framing lines only");
  }
}

ExitCode get(const GetOptions& options) {
  auto log = resolve_log(options.log);
  if (!log) return report(log.error());
  const auto reader = PointReader::open(*std::move(log));
  if (!reader) return report(reader.error());
  RecordPrinter printer(options.framing, options.offsets);
  for (const Offset offset : options.wanted) {
    const auto record = (*reader)->read(offset);
    if (!record) {
      const bool printed = printer.finish();
      const ExitCode why = report(record.error());
      return printed ? why : ExitCode::failure;
    }
    printer.print(*record);
    if (printer.output().ended()) break;
  }
  return printer.finish() ? ExitCode::fine : ExitCode::failure;
}

}  // namespace

void add_get(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<GetOptions>();
  Command command = commands.add_command("get", get_about, get_examples);
  command.add_log(options->log);
  command.add("OFFSET", options->wanted, "the records to print, in this order")
      .required()
      .not_negative()
      .shown_as("");
  command.add_flag("--offsets", options->offsets, "print each record's offset and a tab before it");
  command.add_framing(options->framing);
  const auto work = [options] {
    check(*options);
    return get(*options);
  };
  command.runs(work, exit_code);
}

}  // namespace varve::cli
