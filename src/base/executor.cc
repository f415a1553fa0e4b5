#include "base/executor.h"

#include <system_error>

#include "base/clock.h"
#include "base/invariant.h"
#include "base/mutant.h"
#include "base/no_memory.h"

namespace varve::base {

// Held by the executor, by its threads, and by its tasks: whichever goes last.
class Executor::Threads final : public WaitObserver, public std::enable_shared_from_this<Executor::Threads> {
 public:
  Threads(const char* what, unsigned threads_max) : what_(what), threads_max_(threads_max) {}

  void add(const std::shared_ptr<Task>& task);
  void wake(Task& task) noexcept;
  void wait_until_let_go(const Task& task);
  void close();
  [[nodiscard]] std::size_t count() const;

  void waits() noexcept override;
  void goes_on() noexcept override;

 private:
  using State = Task::State;
  using Self = std::list<Thread>::iterator;

  void run(Self self);
  void step(Task& task, std::unique_lock<std::mutex>& lock);
  void let_go(Task& task, std::unique_lock<std::mutex>& lock);
  void rest(std::unique_lock<std::mutex>& lock);
  void join_gone(std::unique_lock<std::mutex>& lock);
  void queue(Task& task);
  void queue_due();
  Task* take();
  void set_timer(Task& task, TimePoint at);
  void provide_thread() noexcept;
  void start_thread();
  [[nodiscard]] bool has_room() const { return threads_.size() - waiting_ < threads_max_; }
  [[nodiscard]] bool is_superfluous() const {
    return (closing_ && tasks_ == 0) || threads_.size() - waiting_ > threads_max_;
  }

  const char* const what_;
  const unsigned threads_max_;
  mutable std::mutex mutex_;
  Condition work_;
  Condition changed_;  // a task was let go, or a thread has gone
  std::list<Thread> threads_;
  std::list<Thread> gone_;  // to be joined
  std::set<Task::Timer> timers_;
  Task* first_ = nullptr;  // of the queue
  Task* last_ = nullptr;
  std::size_t tasks_ = 0;
  std::size_t idle_ = 0;     // threads that rest
  std::size_t waiting_ = 0;  // threads whose step waits
  bool closing_ = false;
};

// Tasks. -------------------------------------------------------------------------------------------

void Executor::Threads::add(const std::shared_ptr<Task>& task) {
  VARVE_INVARIANT(task->threads_ == nullptr);
  std::set<Task::Timer> made;
  made.insert({TimePoint::max(), task.get()});
  auto let_go = std::make_shared<bool>(false);
  const std::lock_guard lock(mutex_);
  if (threads_.empty()) start_thread();
  task->spare_timer_ = made.extract(made.begin());
  task->let_go_ = std::move(let_go);
  task->threads_ = shared_from_this();
  task->self_ = task;
  ++tasks_;
  queue(*task);
  provide_thread();
}

void Executor::Threads::wake(Task& task) noexcept {
  const std::lock_guard lock(mutex_);
  if (task.state_ == State::stepping && !mutated(Mutant::wake_in_step_lost)) task.state_ = State::woken;
  if (task.state_ != State::idle) return;
  queue(task);
  provide_thread();
}

void Executor::Threads::wait_until_let_go(const Task& task) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return *task.let_go_; });
}

void Executor::Threads::queue(Task& task) {
  if (task.spare_timer_.empty()) task.spare_timer_ = timers_.extract(task.timer_);
  task.state_ = State::queued;
  task.next_in_queue_ = nullptr;
  (first_ == nullptr ? first_ : last_->next_in_queue_) = &task;
  last_ = &task;
}

void Executor::Threads::queue_due() {
  if (timers_.empty()) return;
  const TimePoint time = now();
  while (!timers_.empty() && timers_.begin()->first <= time) queue(*timers_.begin()->second);
}

Executor::Task* Executor::Threads::take() {
  Task* const task = first_;
  if (task != nullptr) first_ = task->next_in_queue_;
  return task;
}

// In the node that the task has had since it was added: this needs no memory.
void Executor::Threads::set_timer(Task& task, TimePoint at) {
  task.spare_timer_.value() = {at, &task};
  task.timer_ = timers_.insert(std::move(task.spare_timer_)).position;
  task.spare_timer_ = {};
  // Those who rest know of later times only.
  if (task.timer_ == timers_.begin() && idle_ > 0) work_.notify_one();
}

void Executor::Threads::step(Task& task, std::unique_lock<std::mutex>& lock) {
  task.state_ = State::stepping;
  lock.unlock();
  Next next;
  {
    const Scope observed(this);
    next = task.step();
  }
  lock.lock();
  if (next.ended) return let_go(task, lock);
  if (task.state_ == State::woken) return queue(task);
  task.state_ = State::idle;
  if (next.at != TimePoint::max()) set_timer(task, next.at);
}

// Whoever waits for this may take what the task used away: it is destroyed here, or by them.
void Executor::Threads::let_go(Task& task, std::unique_lock<std::mutex>& lock) {
  task.state_ = State::ended;
  const std::shared_ptr<bool> let_go = task.let_go_;
  std::shared_ptr<Task> last = std::move(task.self_);
  lock.unlock();
  last.reset();
  lock.lock();
  *let_go = true;
  --tasks_;
  changed_.notify_all();
  if (closing_) work_.notify_all();
}

// Threads. -----------------------------------------------------------------------------------------

void Executor::Threads::run(Self self) {
  std::unique_lock lock(mutex_);
  for (;;) {
    queue_due();
    if (Task* const task = take(); task != nullptr) {
      provide_thread();  // for the next in the queue
      step(*task, lock);
    } else if (is_superfluous()) {
      break;
    } else {
      rest(lock);
    }
  }
  gone_.splice(gone_.end(), threads_, self);
  changed_.notify_all();
}

void Executor::Threads::rest(std::unique_lock<std::mutex>& lock) {
  if (!gone_.empty()) return join_gone(lock);
  ++idle_;
  work_.wait_until(lock, timers_.empty() ? TimePoint::max() : timers_.begin()->first);
  --idle_;
}

void Executor::Threads::join_gone(std::unique_lock<std::mutex>& lock) {
  std::list<Thread> gone;
  gone.splice(gone.end(), gone_);
  lock.unlock();
  for (Thread& thread : gone) {
    if (thread.joinable()) thread.join();
  }
  lock.lock();
}

/// For the first in the queue, unless as many are at work as may be: they see to it when they can.
void Executor::Threads::provide_thread() noexcept {
  if (first_ == nullptr) return;
  if (idle_ > 0) return work_.notify_one();
  if (!has_room()) return;
  try {
    start_thread();
  } catch (const std::bad_alloc&) {     // those who are there already do it, later
  } catch (const std::system_error&) {  // likewise
  }
}

void Executor::Threads::start_thread() {
  const Self self = threads_.emplace(threads_.end());
  try {
    *self = Thread([threads = shared_from_this(), self] {
      run_or_end_process(threads->what_, [&] { threads->run(self); });
    });
    if (closing_) self->detach();
  } catch (...) {
    threads_.erase(self);
    throw;
  }
}

void Executor::Threads::waits() noexcept {
  const std::lock_guard lock(mutex_);
  if (!mutated(Mutant::waiting_keeps_place)) ++waiting_;
  provide_thread();
}

void Executor::Threads::goes_on() noexcept {
  const std::lock_guard lock(mutex_);
  if (!mutated(Mutant::waiting_keeps_place)) --waiting_;
}

std::size_t Executor::Threads::count() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

void Executor::Threads::close() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  work_.notify_all();
  if (tasks_ > 0) {
    for (auto* const list : {&threads_, &gone_}) {
      for (Thread& thread : *list) thread.detach();
    }
    return;
  }
  changed_.wait(lock, [this] { return threads_.empty(); });
  join_gone(lock);
}

// The door. ----------------------------------------------------------------------------------------

void Executor::Task::wake() noexcept {
  if (threads_ != nullptr) threads_->wake(*this);
}

void Executor::Task::wait_until_let_go() { threads_->wait_until_let_go(*this); }

Executor::Executor(const char* what, unsigned threads_max)
    : threads_(std::make_shared<Threads>(what, threads_max)) {}

Executor::~Executor() { threads_->close(); }

void Executor::add(const std::shared_ptr<Task>& task) { threads_->add(task); }

std::size_t Executor::threads() const { return threads_->count(); }

}  // namespace varve::base
