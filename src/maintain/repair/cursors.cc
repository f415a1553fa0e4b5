#include "maintain/repair/cursors.h"

#include <fmt/format.h>

namespace varve::maintain {

Result<BadCursors> find_bad_cursors(const LogAddress& log, std::uint32_t give_up_ms) {
  BadCursors bad;
  const auto cursors = Cursors::open(log, {.give_up_ms = give_up_ms});
  if (!cursors) return bad;
  const auto all = cursors->list();
  if (!all) return all.error();
  for (const Cursor& cursor : *all) {
    if (!cursor.problem) continue;
    if (cursor.readable || cursor.problem->code() == Code::unsupported) {
      bad.notes.push_back(cursor.problem->message());
      continue;
    }
    bad.steps.push_back(
        {.kind = RepairKind::restart_cursor,
         .what = fmt::format("have the reader of cursor '{}' begin anew at the log's start: {}", cursor.name,
                             cursor.problem->message())});
    bad.cursors.push_back(cursor);
  }
  return bad;
}

Result<void> restart_cursors(const LogAddress& log, BadCursors& bad, Offset start, std::uint32_t give_up_ms) {
  if (bad.cursors.empty()) return {};
  const auto cursors = Cursors::open(log, {.give_up_ms = give_up_ms});
  if (!cursors) return cursors.error();
  for (std::size_t i = 0; i < bad.cursors.size(); ++i) {
    const auto restarted = cursors->advance(bad.cursors[i], start);
    if (!restarted && restarted.error().code() != Code::fenced) return restarted.error();
    bad.steps[i].done = restarted.has_value();
  }
  return {};
}

}  // namespace varve::maintain
