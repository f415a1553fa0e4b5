// Runs a writer's callbacks, batch by batch in offset order. A slow callback delays the writer's later
// acknowledgements, and those of other writers only where no thread is left for them.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "append/batching/batch_pool.h"
#include "append/upload_metrics.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/thread.h"
#include "log/append_notifier.h"

namespace varve::append {

/// To be added to an executor, which holds it until all is told: see `no_more`.
class Acknowledger final : public base::Executor::Task {
 public:
  /// `upload_metrics`, if there are any, must live until all is told. `append_notifier`, if there is one, is
  /// told of each durable batch. `on_all_told` is called once, in a step.
  explicit Acknowledger(std::shared_ptr<BatchPool> pool, UploadMetrics* upload_metrics = nullptr,
                        std::shared_ptr<log::AppendNotifier> append_notifier = nullptr,
                        std::function<void()> on_all_told = {});

  /// `batch` has ended, durable or by `error`: its callbacks are told, then it is released. Calls
  /// must come in offset order, from one thread.
  void ended(Batch& batch, std::optional<Error> error);

  /// Nothing more is handed over. Does not wait: `all_told` says when the last callback has run.
  void no_more();
  [[nodiscard]] bool all_told() const;
  /// Whether the caller runs in a callback.
  [[nodiscard]] bool is_in_callback() const;

  base::Executor::Next step() override;

 private:
  struct Ended {
    Batch* batch;
    std::optional<Error> error;
    base::TimePoint at = base::now();
  };
  void tell(Ended& ended);

  std::shared_ptr<BatchPool> pool_;
  UploadMetrics* upload_metrics_;
  std::shared_ptr<log::AppendNotifier> append_notifier_;
  const std::function<void()> on_all_told_;
  mutable std::mutex mutex_;
  std::deque<Ended> queue_;  // bounded by the pool: each entry is one of its batches
  bool no_more_ = false;
  bool all_told_ = false;
  base::Thread::Id told_by_;  // while it is stepped
};

}  // namespace varve::append
