#include "append/writer_threads.h"

#include <algorithm>
#include <map>
#include <mutex>

namespace varve::append {

namespace {

// Both together, and those of a store, are eight at most.
constexpr unsigned upload_threads_max = 4;
constexpr unsigned callback_threads_max = 2;

}  // namespace

WriterThreads::WriterThreads()
    : uploads("writers' uploads", std::clamp(base::Thread::cores(), 1U, upload_threads_max)),
      callbacks("writers' callbacks", callback_threads_max) {}

std::shared_ptr<WriterThreads> WriterThreads::shared() {
  static std::mutex mutex;
  static std::map<std::uint64_t, std::weak_ptr<WriterThreads>> of_process;  // one, but in simulations
  const std::lock_guard lock(mutex);
  std::weak_ptr<WriterThreads>& known = of_process[base::Scheduler::process()];
  if (auto threads = known.lock()) return threads;
  auto threads = std::make_shared<WriterThreads>();
  known = threads;
  return threads;
}

}  // namespace varve::append
