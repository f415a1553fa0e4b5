#include "writer/acknowledger.h"

#include <utility>

#include "result/no_memory.h"
#include "result/plant.h"

namespace varve::writer {

Acknowledger::Acknowledger(std::shared_ptr<BatchPool> pool, Stages* stages,
                           std::shared_ptr<courier::Bell> bell)
    : pool_(std::move(pool)),
      stages_(stages),
      bell_(std::move(bell)),
      thread_([this] { run_or_end_process("a writer's callbacks", [this] { run(); }); }) {}

Acknowledger::~Acknowledger() { finish(); }

void Acknowledger::ended(Batch& batch, std::optional<Error> error) {
  const std::lock_guard lock(mutex_);
  queue_.push_back({&batch, std::move(error)});
  wake_.notify_one();
}

void Acknowledger::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Acknowledger::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return finishing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    if (planted(Plant::told_newest_first)) std::swap(queue_.front(), queue_.back());
    const Ended ended = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    // Before the callbacks, which may take their time.
    if (bell_ && !ended.error && !planted(Plant::bell_not_rung)) bell_->ring();
    ended.batch->for_each_callback([&ended](Offset offset, AppendCallback& callback) {
      callback(ended.error ? Result<Offset>(*ended.error) : Result<Offset>(offset));
      if (planted(Plant::told_twice)) callback(offset);
    });
    if (stages_ != nullptr && !ended.error) stages_->told(Course::Clock::now() - ended.at);
    pool_->release(*ended.batch);
    lock.lock();
  }
}

}  // namespace varve::writer
