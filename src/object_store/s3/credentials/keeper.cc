#include "object_store/s3/credentials/keeper.h"

#include "base/clock.h"
#include "base/no_memory.h"

#include <algorithm>
#include <utility>

namespace varve::object_store::s3 {
namespace {

using std::chrono::system_clock;
constexpr std::chrono::seconds apart_min{1};
constexpr std::chrono::seconds retry_refresh_after{20};
/// Sleeping longer would miss a wall clock that was set meanwhile.
constexpr std::chrono::minutes nap_max{1};

}  // namespace

std::optional<system_clock::time_point> refresh_time(const Credentials& credentials,
                                                     system_clock::time_point now) {
  if (!credentials.expires) return std::nullopt;
  constexpr std::chrono::minutes early{10};
  const auto life = *credentials.expires - now;
  return now + std::max<system_clock::duration>(apart_min, std::max(life - early, life / 2));
}

CredentialsKeeper::CredentialsKeeper(Source source, std::function<void()> changed)
    : source_(std::move(source)),
      changed_(std::move(changed)),
      thread_([this] { run_or_end_process("an S3 store's credentials", [this] { run(); }); }) {}

CredentialsKeeper::~CredentialsKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stop_.store(true, std::memory_order_relaxed);
  }
  wanted_.notify_all();
  thread_.join();
}

CredentialsKeeper::State CredentialsKeeper::state() const {
  const std::lock_guard lock(mutex_);
  State state = state_;
  if (state.credentials && state.credentials->expires && *state.credentials->expires <= system_clock::now()) {
    state.credentials.reset();
  }
  return state;
}

void CredentialsKeeper::refetch() {
  {
    const std::lock_guard lock(mutex_);
    next_ = system_clock::time_point::min();
  }
  wanted_.notify_all();
}

void CredentialsKeeper::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const auto since_last = base::now() - last_fetch_;
    if (state_.fetches != 0 && since_last < apart_min) {
      wanted_.wait_until(lock, base::now() + (apart_min - since_last), [&] { return stop_.load(); });
    } else if (system_clock::now() < next_) {
      wanted_.wait_until(
          lock, base::now() + std::min<system_clock::duration>(next_ - system_clock::now(), nap_max));
    } else {
      lock.unlock();
      fetch();
      lock.lock();
    }
  }
}

void CredentialsKeeper::fetch() {
  auto fetched = source_(stop_);
  {
    const std::lock_guard lock(mutex_);
    ++state_.fetches;
    last_fetch_ = base::now();
    const auto now = system_clock::now();
    if (fetched) {
      next_ = refresh_time(*fetched, now).value_or(system_clock::time_point::max());
      state_.credentials = std::make_shared<const Credentials>(*std::move(fetched));
      state_.error.reset();
    } else {
      // Without any, the next request asks; with some that still work, time does.
      next_ = state_.credentials ? now + retry_refresh_after : system_clock::time_point::max();
      state_.error = fetched.error();
    }
  }
  if (!stop_) changed_();
}

}  // namespace varve::object_store::s3
