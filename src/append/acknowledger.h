// The thread that runs callbacks: batch by batch in offset order, so that a slow callback delays
// later acknowledgements and nothing else.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "append/batching/batch_pool.h"
#include "append/upload_metrics.h"
#include "base/clock.h"
#include "base/condition.h"
#include "base/thread.h"
#include "log/append_notifier.h"

namespace varve::append {

class Acknowledger {
 public:
  /// `upload_metrics`, if there are any, must outlive this. `append_notifier`, if there is one, is told of
  /// each durable batch. `on_all_told` is called by this thread, once: see `no_more`.
  explicit Acknowledger(std::shared_ptr<BatchPool> pool, UploadMetrics* upload_metrics = nullptr,
                        std::shared_ptr<log::AppendNotifier> append_notifier = nullptr,
                        std::function<void()> on_all_told = {});
  ~Acknowledger();
  Acknowledger(const Acknowledger&) = delete;
  Acknowledger& operator=(const Acknowledger&) = delete;

  /// `batch` has ended, durable or by `error`: its callbacks are told, then it is released. Calls
  /// must come in offset order, from one thread.
  void ended(Batch& batch, std::optional<Error> error);

  /// Nothing more is handed over. Does not wait: `all_told` says when the last callback has run.
  void no_more();
  [[nodiscard]] bool all_told() const;
  /// The same, and waits for it. Not from a callback.
  void finish();
  /// Whether the caller runs in a callback.
  [[nodiscard]] bool is_this_thread() const { return base::Thread::current() == thread_.id(); }

 private:
  struct Ended {
    Batch* batch;
    std::optional<Error> error;
    base::TimePoint at = base::now();
  };
  void run();

  std::shared_ptr<BatchPool> pool_;
  UploadMetrics* upload_metrics_;
  std::shared_ptr<log::AppendNotifier> append_notifier_;
  const std::function<void()> on_all_told_;
  mutable std::mutex mutex_;
  base::Condition wake_;
  std::deque<Ended> queue_;  // bounded by the pool: each entry is one of its batches
  bool no_more_ = false;
  bool all_told_ = false;
  base::Thread thread_;
};

}  // namespace varve::append
