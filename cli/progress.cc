#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <utility>

namespace varve::cli {
namespace {

constexpr std::chrono::milliseconds renewed_every{200};
// ECMA-48: to the line's beginning, and erase what is behind.
constexpr const char* clear_line = "\r\x1b[K";

}  // namespace

Progress::Progress(std::function<std::string()> line) : line_(std::move(line)) {
  if (::isatty(STDERR_FILENO) == 1) thread_ = std::thread([this] { show(); });
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  done_changed_.notify_one();
  thread_.join();
}

void Progress::show() {
  std::unique_lock lock(mutex_);
  while (!done_changed_.wait_for(lock, renewed_every, [this] { return done_; })) {
    fmt::print(stderr, "{}{}", clear_line, line_());
  }
  fmt::print(stderr, clear_line);
}

}  // namespace varve::cli
