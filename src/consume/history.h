// What a log says of a cursor: its place's mark, and whether the log has the history that the cursor is of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "log/log_store.h"
#include "log/read_position.h"
#include "protocol/cursor_register.h"
#include "protocol/history_mark.h"
#include "varve/cursor.h"

namespace varve::consume {

struct HistoryAnswer {
  std::optional<std::uint64_t> mark;
  protocol::HistoryVerdict verdict = protocol::HistoryVerdict::untold;
};

/// Asks the log that `view`, made after `offset` was read, is of. Blocks.
Result<HistoryAnswer> ask_history(const log::LogStore& log, const protocol::LogState& view, Offset offset,
                                  std::optional<std::uint64_t> sought, log::Deadline deadline);

/// What is wrong with the cursor `name` at `offset`, if anything; `log`: its name, for the message. Errors:
/// `out_of_range`, `foreign`.
std::optional<Error> problem_of(protocol::HistoryVerdict verdict, std::string_view name, Offset offset,
                                const protocol::LogState& view, std::string_view log);

/// What is wrong with a cursor that cannot be read for `why`.
Error unreadable(const Error& why, std::string_view name, std::string_view log);

/// What is wrong with the cursor `name`, if anything. `view`: a look at the log that came after its newest
/// revision was read; without one, only that revision is judged. Blocks.
Result<std::optional<Error>> problem_with(const log::LogStore& log, std::string_view name,
                                          const protocol::NewestRevision& newest,
                                          const protocol::LogState* view, log::Deadline deadline);

}  // namespace varve::consume
