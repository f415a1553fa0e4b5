#include "consume/history.h"

#include <fmt/format.h>

namespace varve::consume {

using protocol::HistoryVerdict;

namespace {

std::string what_to_do(std::string_view name, std::string_view log) {
  return fmt::format(
      "find out where its reader is to go on, then `varve cursor {} delete {}` and `varve cursor {} set {} "
      "OFFSET`",
      log, name, log, name);
}

}  // namespace

Result<HistoryAnswer> ask_history(const log::LogStore& log, const protocol::LogState& view, Offset offset,
                                  std::optional<std::uint64_t> sought, log::Deadline deadline) {
  protocol::HistoryMark machine(view, offset, sought);
  const auto driven = log.drive(
      machine.start(), [&](const protocol::Reply& reply) { return machine.on(reply); }, deadline);
  if (!driven) return driven.error();
  if (machine.error()) return *machine.error();
  return HistoryAnswer{.mark = machine.mark(), .verdict = machine.verdict()};
}

std::optional<Error> problem_of(HistoryVerdict verdict, std::string_view name, Offset offset,
                                const protocol::LogState& view, std::string_view log) {
  if (verdict == HistoryVerdict::beyond_end) {
    const OffsetRange valid{view.start_offset(), view.tail.offset};
    return Error(
               Code::out_of_range,
               fmt::format("cursor '{}' is at offset {}, and the log {} ends at {}: an older copy of the log "
                           "was restored, or its end is lost. What is written below offset {} from now on "
                           "its reader has never seen: {}",
                           name, offset, log, valid.end, offset, what_to_do(name, log)))
        .with_valid_range(valid);
  }
  if (verdict == HistoryVerdict::other_history) {
    return Error(
        Code::foreign,
        fmt::format("cursor '{}' is at offset {} of another history of the log {}: an older copy was "
                    "restored, and other records were written there since, which its reader has "
                    "never seen: {}",
                    name, offset, log, what_to_do(name, log)));
  }
  return std::nullopt;
}

Error unreadable(const Error& why, std::string_view name, std::string_view log) {
  const std::string_view so = why.code() == Code::unsupported
                                  ? "upgrade this program"
                                  : "`varve repair` has its reader begin anew at the log's start";
  return {why.code(), fmt::format("{}: cursor '{}' cannot be used: {}; {}, or `varve cursor {} delete {}`",
                                  log, name, why.message(), so, log, name)};
}

Result<std::optional<Error>> problem_with(const log::LogStore& log, std::string_view name,
                                          const protocol::NewestRevision& newest,
                                          const protocol::LogState* view, log::Deadline deadline) {
  const std::string log_name = read::name_of(log.address());
  if (!newest.content) return std::optional(unreadable(newest.content.error(), name, log_name));
  if (newest.content->removed || view == nullptr) return std::optional<Error>();
  const Offset offset = newest.content->offset;
  const auto answer = ask_history(log, *view, offset, newest.content->history(), deadline);
  if (!answer) return answer.error();
  return problem_of(answer->verdict, name, offset, *view, log_name);
}

}  // namespace varve::consume
