#include "base/thread.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"

namespace varve::base {

Thread::Thread(std::function<void()> body) {
  if (Scheduler* const simulated = Scheduler::current(); simulated != nullptr) {
    simulated_ = simulated->spawn(std::move(body));
  } else {
    real_ = std::thread(std::move(body));
  }
}

Thread::Thread(Thread&& other) noexcept
    : real_(std::move(other.real_)), simulated_(std::exchange(other.simulated_, 0)) {}

Thread& Thread::operator=(Thread&& other) noexcept {
  VARVE_INVARIANT(!joinable());
  real_ = std::move(other.real_);
  simulated_ = std::exchange(other.simulated_, 0);
  return *this;
}

Thread::~Thread() { VARVE_INVARIANT(!joinable()); }

void Thread::join() {
  if (simulated_ == 0) return real_.join();
  Scheduler& simulated = *Scheduler::current();
  VARVE_INVARIANT(simulated.running() != simulated_);
  while (!simulated.ended(simulated_)) simulated.wait(simulated.end_of(simulated_), TimePoint::max());
  simulated_ = 0;
}

void Thread::detach() {
  if (simulated_ == 0) return real_.detach();
  simulated_ = 0;
}

Thread::Id Thread::current() noexcept {
  if (const Scheduler* const simulated = Scheduler::current(); simulated != nullptr)
    return {{}, simulated->running()};
  return {std::this_thread::get_id(), 0};
}

unsigned Thread::cores() noexcept {
  constexpr unsigned simulated_cores = 2;
  if (Scheduler::current() != nullptr) return simulated_cores;
  return std::max(1U, std::thread::hardware_concurrency());
}

void sleep_until(TimePoint time) {
  Scheduler* const simulated = Scheduler::current();
  if (simulated == nullptr) return std::this_thread::sleep_until(time);
  const char place = 0;  // nobody else knows it
  while (simulated->now() < time) simulated->wait(&place, time);
}

}  // namespace varve::base
