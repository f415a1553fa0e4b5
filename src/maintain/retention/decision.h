// What of a log may go, from facts alone: no store, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "varve/retention.h"

namespace varve::maintain {

/// `policy` can mean something; otherwise `invalid_argument` says what cannot be.
Result<void> check(const RetentionPolicy& policy);

struct Facts {
  OffsetRange records;                 ///< those in the log
  std::vector<Cursor> cursors;         ///< all
  std::optional<Offset> by_age = {};   ///< the first record that is young enough; set with the limit
  std::optional<Offset> by_size = {};  ///< the first record that has room; set with the limit
  std::int64_t now_unix_ms = 0;
};

/// All of the plan that follows from these; the rest has to be looked up.
[[nodiscard]] RetentionPlan decide(const RetentionPolicy& policy, const Facts& facts);

}  // namespace varve::maintain
