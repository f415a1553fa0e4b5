// One line on the terminal that says how far the work is.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace varve::cli {

/// While it lives, standard error shows `line()`, renewed several times a second; then the line is
/// gone. Does nothing when standard error is not a terminal. `line` is called on another thread.
class Progress {
 public:
  explicit Progress(std::function<std::string()> line);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  void show();

  std::function<std::string()> line_;
  std::mutex mutex_;
  std::condition_variable done_changed_;
  bool done_ = false;
  std::thread thread_;  // not running without a terminal
};

}  // namespace varve::cli
