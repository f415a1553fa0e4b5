#include "sim/fibers.h"

#include <algorithm>

#include "base/invariant.h"

namespace varve::sim {

namespace {

constexpr std::size_t stack_bytes = std::size_t{256} << 10;
// Any moment that a log may be written at.
constexpr std::int64_t epoch_unix_ms = 1'800'000'000'000;

std::uint64_t next_simulation() {
  static std::uint64_t simulations = 0;
  return ++simulations;
}

}  // namespace

Fibers::Fibers(std::uint64_t seed)
    : random_(seed), now_(std::chrono::hours(1)), simulation_(next_simulation()), processes_(1) {
  install(this);
}

Fibers::~Fibers() { install(nullptr); }

ProcessId Fibers::new_process(std::int64_t clock_ahead_ms) {
  processes_.push_back({.clock_ahead_ms = clock_ahead_ms});
  return static_cast<ProcessId>(processes_.size() - 1);
}

void Fibers::start(ProcessId process, std::function<void()> body) {
  if (processes_.at(process).alive) create(process, std::move(body));
}

void Fibers::kill(ProcessId process) {
  VARVE_INVARIANT(current_fiber_ == nullptr || current_fiber_->process != process);
  processes_.at(process).alive = false;
}

void Fibers::pause(ProcessId process, base::TimePoint until) { processes_.at(process).paused_until = until; }

ProcessId Fibers::process() const { return current_fiber_ == nullptr ? 0 : current_fiber_->process; }

void Fibers::at(base::TimePoint time, std::function<void()> action) {
  actions_.emplace(std::max(time, now_), std::move(action));
}

Fibers::Fiber& Fibers::create(ProcessId process, std::function<void()> body) {
  auto fiber = std::make_unique<Fiber>();
  fiber->id = ++last_id_;
  fiber->process = process;
  fiber->body = std::move(body);
  if (free_stacks_.empty()) {
    fiber->stack = std::make_unique_for_overwrite<std::byte[]>(stack_bytes);
  } else {
    fiber->stack = std::move(free_stacks_.back());
    free_stacks_.pop_back();
  }
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = fiber->stack.get();
  fiber->context.uc_stack.ss_size = stack_bytes;
  fiber->context.uc_link = &main_;
  const auto address = reinterpret_cast<std::uintptr_t>(fiber.get());
  makecontext(&fiber->context, reinterpret_cast<void (*)()>(&Fibers::enter), 2,
              static_cast<unsigned>(address >> 32U), static_cast<unsigned>(address));
  fibers_.push_back(std::move(fiber));
  return *fibers_.back();
}

void Fibers::enter(unsigned high, unsigned low) {
  auto* const fiber = reinterpret_cast<Fiber*>(static_cast<std::uintptr_t>(high) << 32U | low);
  fiber->body();
  fiber->body = nullptr;
  fiber->state = State::ended;
}

bool Fibers::may_run(const Fiber& fiber) const {
  const Process& process = processes_[fiber.process];
  return fiber.state == State::ready && process.alive && process.paused_until <= now_;
}

void Fibers::resume(Fiber& fiber) {
  current_fiber_ = &fiber;
  ++turns_;
  swapcontext(&main_, &fiber.context);
  current_fiber_ = nullptr;
  if (fiber.state == State::ended) wake(end_of(fiber.id), true);
}

// Those that have ended, and those of dead processes: their stacks are used again.
void Fibers::sweep() {
  std::erase_if(fibers_, [this](std::unique_ptr<Fiber>& fiber) {
    if (fiber->state != State::ended && processes_[fiber->process].alive) return false;
    free_stacks_.push_back(std::move(fiber->stack));
    // A killed fiber's body may not be destroyed: what it holds would tidy up.
    if (fiber->state != State::ended) new std::function<void()>(std::move(fiber->body));
    return true;
  });
}

std::optional<base::TimePoint> Fibers::next_event() const {
  std::optional<base::TimePoint> next;
  const auto consider = [&](base::TimePoint time) {
    if (time != base::TimePoint::max() && (!next || time < *next)) next = time;
  };
  if (!actions_.empty()) consider(actions_.begin()->first);
  for (const auto& fiber : fibers_) {
    const Process& process = processes_[fiber->process];
    if (!process.alive) continue;
    if (fiber->state == State::waiting) consider(std::max(fiber->until, process.paused_until));
    if (fiber->state == State::ready) consider(process.paused_until);
  }
  return next;
}

void Fibers::pass_time(base::TimePoint to) {
  now_ = std::max(now_, to);
  for (const auto& fiber : fibers_) {
    if (fiber->state != State::waiting || fiber->until > now_) continue;
    fiber->state = State::ready;
    fiber->notified = false;
  }
  while (!actions_.empty() && actions_.begin()->first <= now_) {
    const std::function<void()> action = std::move(actions_.begin()->second);
    actions_.erase(actions_.begin());
    action();
  }
}

Fibers::Stopped Fibers::run(base::TimePoint until, std::uint64_t turns_max) {
  const std::uint64_t end = turns_ + turns_max;
  std::vector<Fiber*> ready;
  while (turns_ < end) {
    sweep();
    ready.clear();
    for (const auto& fiber : fibers_) {
      if (may_run(*fiber)) ready.push_back(fiber.get());
    }
    if (!ready.empty()) {
      resume(*ready[random_.below(ready.size())]);
      continue;
    }
    const auto next = next_event();
    if (!next) return Stopped::nothing_left;
    if (*next > until) {
      now_ = std::max(now_, until);
      return Stopped::until_reached;
    }
    pass_time(*next);
  }
  return Stopped::out_of_steps;
}

std::size_t Fibers::waiting() const {
  return static_cast<std::size_t>(std::ranges::count_if(fibers_, [this](const std::unique_ptr<Fiber>& fiber) {
    return fiber->state == State::waiting && processes_[fiber->process].alive;
  }));
}

std::int64_t Fibers::unix_ms() {
  return epoch_unix_ms +
         std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch()).count() +
         processes_[process()].clock_ahead_ms;
}

base::Scheduler::FiberId Fibers::spawn(std::function<void()> body) {
  return create(process(), std::move(body)).id;
}

base::Scheduler::FiberId Fibers::running() const {
  return current_fiber_ == nullptr ? 0 : current_fiber_->id;
}

bool Fibers::ended(FiberId fiber) const {
  return std::ranges::none_of(fibers_, [fiber](const std::unique_ptr<Fiber>& each) {
    return each->id == fiber && each->state != State::ended;
  });
}

bool Fibers::wait(const void* place, base::TimePoint until) {
  VARVE_INVARIANT(current_fiber_ != nullptr);  // nobody else may wait
  Fiber& fiber = *current_fiber_;
  fiber.state = State::waiting;
  fiber.place = place;
  fiber.until = until;
  fiber.waits_since = ++clock_of_waits_;
  swapcontext(&fiber.context, &main_);
  fiber.place = nullptr;
  return fiber.notified;
}

void Fibers::wake(const void* place, bool all) {
  Fiber* first = nullptr;
  for (const auto& fiber : fibers_) {
    if (fiber->state != State::waiting || fiber->place != place) continue;
    if (!processes_[fiber->process].alive) continue;
    if (all) {
      fiber->state = State::ready;
      fiber->notified = true;
    } else if (first == nullptr || fiber->waits_since < first->waits_since) {
      first = fiber.get();
    }
  }
  if (first == nullptr) return;
  first->state = State::ready;
  first->notified = true;
}

// An address that nothing else has: ids are small numbers, and so no address of an object.
const void* Fibers::end_of(FiberId fiber) const { return reinterpret_cast<const void*>(fiber); }

void*& Fibers::fiber_local() { return current_fiber_ == nullptr ? local_of_none_ : current_fiber_->local; }

std::uint64_t Fibers::process_name() const { return simulation_ << 32U | process(); }

}  // namespace varve::sim
