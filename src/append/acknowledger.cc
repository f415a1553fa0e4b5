#include "append/acknowledger.h"

#include <utility>

#include "base/clock.h"
#include "base/mutant.h"
#include "base/no_memory.h"

namespace varve::append {

Acknowledger::Acknowledger(std::shared_ptr<BatchPool> pool, UploadMetrics* upload_metrics,
                           std::shared_ptr<log::AppendNotifier> append_notifier,
                           std::function<void()> on_all_told)
    : pool_(std::move(pool)),
      upload_metrics_(upload_metrics),
      append_notifier_(std::move(append_notifier)),
      on_all_told_(std::move(on_all_told)),
      thread_([this] { run_or_end_process("a writer's callbacks", [this] { run(); }); }) {}

Acknowledger::~Acknowledger() { finish(); }

void Acknowledger::finish() {
  no_more();
  if (thread_.joinable()) thread_.join();
}

void Acknowledger::ended(Batch& batch, std::optional<Error> error) {
  const std::lock_guard lock(mutex_);
  queue_.push_back({&batch, std::move(error)});
  wake_.notify_one();
}

void Acknowledger::no_more() {
  const std::lock_guard lock(mutex_);
  no_more_ = true;
  wake_.notify_one();
}

bool Acknowledger::all_told() const {
  const std::lock_guard lock(mutex_);
  return all_told_;
}

void Acknowledger::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return no_more_ || !queue_.empty(); });
    if (queue_.empty()) break;
    if (mutated(Mutant::told_newest_first)) std::swap(queue_.front(), queue_.back());
    const Ended ended = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    // Before the callbacks, which may take their time.
    if (append_notifier_ && !ended.error && !mutated(Mutant::bell_not_rung)) append_notifier_->ring();
    ended.batch->for_each_callback([&ended](Offset offset, AppendCallback& callback) {
      callback(ended.error ? Result<Offset>(*ended.error) : Result<Offset>(offset));
      if (mutated(Mutant::told_twice)) callback(offset);
    });
    if (upload_metrics_ != nullptr && !ended.error) upload_metrics_->told(base::now() - ended.at);
    pool_->release(*ended.batch);
    lock.lock();
  }
  all_told_ = true;
  lock.unlock();
  if (on_all_told_) on_all_told_();
}

}  // namespace varve::append
