#include "append/acknowledger.h"

#include <utility>

#include "base/clock.h"
#include "base/mutant.h"

namespace varve::append {

Acknowledger::Acknowledger(std::shared_ptr<BatchPool> pool, UploadMetrics* upload_metrics,
                           std::shared_ptr<log::AppendNotifier> append_notifier,
                           std::function<void()> on_all_told)
    : pool_(std::move(pool)),
      upload_metrics_(upload_metrics),
      append_notifier_(std::move(append_notifier)),
      on_all_told_(std::move(on_all_told)) {}

void Acknowledger::ended(Batch& batch, std::optional<Error> error) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({&batch, std::move(error)});
  }
  wake();
}

void Acknowledger::no_more() {
  {
    const std::lock_guard lock(mutex_);
    no_more_ = true;
  }
  wake();
}

bool Acknowledger::all_told() const {
  const std::lock_guard lock(mutex_);
  return all_told_;
}

bool Acknowledger::is_in_callback() const {
  const std::lock_guard lock(mutex_);
  return told_by_ == base::Thread::current();
}

// What comes meanwhile wakes it once more: others have their turn before that.
base::Executor::Next Acknowledger::step() {
  std::unique_lock lock(mutex_);
  told_by_ = base::Thread::current();
  for (std::size_t left = queue_.size(); left > 0; --left) {
    if (mutated(Mutant::told_newest_first)) std::swap(queue_.front(), queue_.back());
    Ended ended = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    tell(ended);
    lock.lock();
  }
  told_by_ = {};
  if (!no_more_ || !queue_.empty()) return {};
  all_told_ = true;
  lock.unlock();
  if (on_all_told_) on_all_told_();
  return {.ended = true};
}

void Acknowledger::tell(Ended& ended) {
  // Before the callbacks, which may take their time.
  if (append_notifier_ && !ended.error && !mutated(Mutant::bell_not_rung)) append_notifier_->ring();
  ended.batch->for_each_callback([&ended](Offset offset, AppendCallback& callback) {
    callback(ended.error ? Result<Offset>(*ended.error) : Result<Offset>(offset));
    if (mutated(Mutant::told_twice)) callback(offset);
  });
  if (upload_metrics_ != nullptr && !ended.error) upload_metrics_->told(base::now() - ended.at);
  pool_->release(*ended.batch);
}

}  // namespace varve::append
