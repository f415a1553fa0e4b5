// Looks at a log from outside, now and then, so that nobody who asks has to wait for a store.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/condition.h"
#include "base/thread.h"
#include "varve/cursor.h"
#include "varve/inspect.h"

namespace varve::exporter {

/// What a look at a log found.
struct LogView {
  std::optional<LogInfo> info = {};  ///< the latest; older than `error` if both are there
  std::vector<Cursor> cursors = {};
  std::int64_t seen_unix_ms = 0;  ///< when `info` was true
  std::uint64_t inspections = 0;
  std::uint64_t inspections_failed = 0;
  std::optional<Error> error = {};  ///< why the last look failed
};

/// One look: updates what can be seen now, and leaves the rest as it was.
void look(const LogAddress& log, LogView& view);

/// Thread-safe.
class LogWatch {
 public:
  LogWatch(LogAddress log, std::uint32_t interval_ms);
  ~LogWatch();
  LogWatch(const LogWatch&) = delete;
  LogWatch& operator=(const LogWatch&) = delete;

  [[nodiscard]] LogView latest() const;

 private:
  void run();

  const LogAddress log_;
  const std::uint32_t interval_ms_;
  mutable std::mutex mutex_;
  base::Condition ending_changed_;
  bool ending_ = false;
  LogView view_;
  base::Thread thread_;
};

}  // namespace varve::exporter
