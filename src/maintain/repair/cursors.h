// Cursors that nobody can read: their readers begin anew at the log's start, so that nothing is passed over.
#pragma once

#include <string>
#include <vector>

#include "varve/cursor.h"
#include "varve/repair.h"

namespace varve::maintain {

struct BadCursors {
  std::vector<Cursor> cursors;     ///< damaged, or another log's
  std::vector<RepairStep> steps;   ///< one for each
  std::vector<std::string> notes;  ///< of those that are left alone: their owners must decide
};

/// Looks at all cursors of a log that can be read; of another, there is nothing to tell.
Result<BadCursors> find_bad_cursors(const LogAddress& log, std::uint32_t give_up_ms);

/// Has them begin anew, and says so in their steps. One that was moved or removed meanwhile is left alone.
Result<void> restart_cursors(const LogAddress& log, BadCursors& bad, Offset start, std::uint32_t give_up_ms);

}  // namespace varve::maintain
