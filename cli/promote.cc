// varve promote: makes a mirror a log of its own.
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/json.h"
#include "cli/log_uri.h"
#include "cli/report.h"
#include "varve/mirror.h"

namespace varve::cli {
namespace {

constexpr const char* promote_about =
    R"(Make a mirror a log of its own, to be written to.

With --seal SRC the source is sealed first: nothing can be acknowledged there any more, and programs that
open it for writing are told that it goes on elsewhere. What is left of it is copied, so nothing is lost.
The old source can be made a mirror of the new log: varve mirror NEW OLD --attach. If the source was
sealed before for another mirror, the log goes on there, and the command says so and does nothing.

Where the source cannot be reached, what it holds beyond the mirror is lost. This command says how much
is known of that, and does nothing until you name the mirror's end: --accept-loss-after N.
Nothing keeps a source that was not sealed from being written to: make sure that it is not.

Stop `varve mirror` first. Cut off anywhere, it can be called again.)";

constexpr const char* promote_examples =
    R"(  varve promote s3://us/orders --dry-run                  where does it end, what may be lost?
  varve promote s3://us/orders --seal s3://eu/orders      nothing is lost
  varve promote s3://us/orders --accept-loss-after 1200)";

struct CliPromoteOptions {
  std::string mirror;
  std::string source;
  std::optional<Offset> accept_loss_after;
  std::optional<Offset> accept_missing_at;
  bool dry_run = false;
  bool json = false;
};

nlohmann::ordered_json promotion_json(const Promotion& promotion) {
  return {{"done", promotion.done},
          {"end_offset", promotion.end_offset},
          {"source", promotion.source},
          {"source_end", promotion.source_end},
          {"source_seen_unix_ms", promotion.source_seen_unix_ms},
          {"source_sealed", promotion.source_sealed},
          {"demoted", promotion.demoted},
          {"retired", promotion.demoted}};  // old spelling
}

void print_plan(const Promotion& promotion) {
  if (promotion.done) {
    fmt::print("it is a log of its own already, and ends at offset {}\n", with_commas(promotion.end_offset));
  } else if (promotion.demoted) {
    fmt::print("it goes on in a mirror of it, and ends at offset {} here\n",
               with_commas(promotion.end_offset));
  } else {
    fmt::print(
        "mirrored up to offset {}\nthe source, {}, ended at offset {} when it was last seen, {}\n"
        "without it, {} that are known would be lost, and all that it has acknowledged since\n",
        with_commas(promotion.end_offset), promotion.source, with_commas(promotion.source_end),
        human_time(promotion.source_seen_unix_ms),
        counted(promotion.source_end - promotion.end_offset, "record"));
  }
}

ExitCode promote(const CliPromoteOptions& options) {
  const auto mirror = resolve_log(options.mirror);
  if (!mirror) return report(mirror.error());
  PromoteOptions promoting{.source = {},
                           .accept_loss_after = options.accept_loss_after,
                           .accept_missing_at = options.accept_missing_at};
  if (!options.source.empty()) {
    auto source = resolve_log(options.source);
    if (!source) return report(source.error());
    promoting.source = *std::move(source);
  }
  const auto promotion = options.dry_run ? plan_promotion(*mirror) : varve::promote(*mirror, promoting);
  if (!promotion) return report(promotion.error());
  if (options.json) {
    print_json(promotion_json(*promotion));
  } else if (options.dry_run) {
    print_plan(*promotion);
  } else {
    fmt::print("promoted: it is written to from offset {} on{}\n", with_commas(promotion->end_offset),
               promotion->source_sealed ? "; the source is sealed, and all of it is here" : "");
  }
  return ExitCode::fine;
}

}  // namespace

void add_promote(Command& commands, ExitCode& exit_code) {
  auto options = std::make_shared<CliPromoteOptions>();
  Command command = commands.add_command("promote", promote_about, promote_examples);
  command.add("mirror", options->mirror, "the mirror: s3://bucket/path, file:///dir/name")
      .shown_as("DST")
      .required();
  command.add("--seal", options->source, "the log that it is a mirror of: seal it, and copy the rest")
      .shown_as("SRC");
  command
      .add("--accept-loss-after", options->accept_loss_after,
           "without --seal: give up what the source holds from offset N\n"
           "on, which must be where the mirror ends; with it: the source\n"
           "was sealed for another mirror, ends there, and that is lost")
      .shown_as("N");
  command
      .add("--accept-missing-at", options->accept_missing_at,
           "a place of the mirror is empty though it goes on behind it,\n"
           "and the source can't be reached: promote it with that loss.\n"
           "N is the offset that the refusal names")
      .shown_as("N");
  command.add_flag("--dry-run", options->dry_run, "only say what is known");
  command.add_json(options->json);
  command.runs([options] { return promote(*options); }, exit_code);
}

}  // namespace varve::cli
