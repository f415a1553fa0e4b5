#include "exporter/log_watch.h"

#include <chrono>
#include <utility>

#include "base/clock.h"
#include "log/system.h"

namespace varve::exporter {

void look(const LogAddress& log, LogView& view) {
  ++view.inspections;
  view.error.reset();
  Result<LogInfo> info = inspect(log);
  if (!info) {
    ++view.inspections_failed;
    view.error = info.error();
    return;
  }
  view.info = *std::move(info);
  view.seen_unix_ms = base::unix_ms();
  const Result<Cursors> cursors = Cursors::open(log);
  Result<std::vector<Cursor>> listed = cursors ? cursors->list() : cursors.error();
  if (listed) {
    view.cursors = *std::move(listed);
  } else {
    ++view.inspections_failed;
    view.error = listed.error();
  }
}

LogWatch::LogWatch(LogAddress log, std::uint32_t interval_ms)
    : log_(std::move(log)), interval_ms_(interval_ms), thread_([this] { run(); }) {}

LogWatch::~LogWatch() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ending_changed_.notify_one();
  thread_.join();
}

LogView LogWatch::latest() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

void LogWatch::run() {
  LogView view;
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    look(log_, view);
    lock.lock();
    view_ = view;
    ending_changed_.wait_until(lock, base::now() + std::chrono::milliseconds(interval_ms_),
                               [this] { return ending_; });
  }
}

}  // namespace varve::exporter
