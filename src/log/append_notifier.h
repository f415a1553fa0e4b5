// Tells readers in this process at once when a log has grown that a writer in this process writes: both hold
// the log's bell, the writer rings, and readers end their pause between polls. A hint and no more: who misses
// it finds out by polling, who hears it for nothing pays a request.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "varve/store.h"

namespace varve::log {

/// Thread-safe.
class AppendNotifier {
 public:
  /// The bell of that log in that store object. The same for all, for as long as anyone holds it.
  static std::shared_ptr<AppendNotifier> of(const LogAddress& log);

  ~AppendNotifier();
  AppendNotifier(const AppendNotifier&) = delete;
  AppendNotifier& operator=(const AppendNotifier&) = delete;

  /// Tells those who listen. Where there are none: one load.
  void ring() noexcept;

  /// Listens for as long as it lives. When it is destroyed no call is under way, and none follows.
  class Listener {
   public:
    /// `heard` must be quick, not throw, and not touch the bell.
    Listener(std::shared_ptr<AppendNotifier> append_notifier, std::function<void()> heard);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

   private:
    friend class AppendNotifier;
    std::shared_ptr<AppendNotifier> append_notifier_;
    std::function<void()> heard_;
  };

 private:
  explicit AppendNotifier(LogAddress log) : log_(std::move(log)) {}

  const LogAddress log_;  // held, so that another store cannot come to have its address
  // Ahead of the lock, for those without listeners. Relaxed: a listener that is just coming polls first.
  std::atomic<std::uint32_t> listening_ = 0;
  std::mutex mutex_;
  std::vector<Listener*> listeners_;
};

}  // namespace varve::log
