// The thread that runs callbacks: batch by batch in offset order, so that a slow callback delays
// later acknowledgements and nothing else.
#pragma once

#include <deque>
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
  /// `stages`, if there are any, must outlive this. `bell`, if there is one, is rung for each durable batch.
  explicit Acknowledger(std::shared_ptr<BatchPool> pool, UploadMetrics* upload_metrics = nullptr,
                        std::shared_ptr<log::AppendNotifier> append_notifier = nullptr);
  ~Acknowledger();
  Acknowledger(const Acknowledger&) = delete;
  Acknowledger& operator=(const Acknowledger&) = delete;

  /// `batch` has ended, durable or by `error`: its callbacks are told, then it is released. Calls
  /// must come in offset order, from one thread.
  void ended(Batch& batch, std::optional<Error> error);

  /// Returns when everything handed over was told. Not from a callback.
  void finish();

 private:
  struct Ended {
    Batch* batch;
    std::optional<Error> error;
    UploadTimeline::Clock::time_point at = base::now();
  };
  void run();

  std::shared_ptr<BatchPool> pool_;
  UploadMetrics* upload_metrics_;
  std::shared_ptr<log::AppendNotifier> append_notifier_;
  std::mutex mutex_;
  base::Condition wake_;
  std::deque<Ended> queue_;  // bounded by the pool: each entry is one of its batches
  bool finishing_ = false;
  base::Thread thread_;
};

}  // namespace varve::append
