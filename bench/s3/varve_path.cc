#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "bench/s3/put_path.h"

namespace varve::bench::s3 {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// One load's PUTs. Answers come on the store's thread, one after the other.
class Run {
 public:
  Run(Store& store, const PutLoad& load) : store_(store), load_(load) {}

  Result<PutFigures> operator()() {
    for (std::uint32_t i = 0; i < load_.in_flight; ++i) put_next();
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return under_way_ == 0; });
    if (error_) return *error_;
    figures_.seconds = milliseconds_since(begun_) / 1000;
    return std::move(figures_);
  }

 private:
  void put_next() {
    std::uint64_t number = 0;
    {
      const std::lock_guard lock(mutex_);
      const bool over = milliseconds_since(begun_) >= load_.seconds * 1000 || next_ >= load_.puts_max;
      if (over || error_) return;
      number = next_++;
      ++under_way_;
    }
    store_.put_if_absent(fmt::format("{}{}", load_.prefix, number), load_.body,
                         [this, sent = Clock::now()](const Result<void>& done) { hear(done, sent); });
  }

  void hear(const Result<void>& done, Clock::time_point sent) {
    {
      const std::lock_guard lock(mutex_);
      figures_.latencies_ms.push_back(milliseconds_since(sent));
      if (!done) error_ = done.error();
    }
    put_next();
    const std::lock_guard lock(mutex_);
    if (--under_way_ == 0) ended_.notify_all();
  }

  Store& store_;
  const PutLoad& load_;
  const Clock::time_point begun_ = Clock::now();
  std::mutex mutex_;  // guards what follows
  std::condition_variable ended_;
  std::uint64_t next_ = 0;
  std::uint32_t under_way_ = 0;
  std::optional<Error> error_;
  PutFigures figures_;
};

class VarvePath final : public PutPath {
 public:
  explicit VarvePath(Store& store) : store_(store) {}
  Result<PutFigures> run(const PutLoad& load) override { return Run(store_, load)(); }

 private:
  Store& store_;
};

}  // namespace

std::unique_ptr<PutPath> make_varve_path(Store& store) { return std::make_unique<VarvePath>(store); }

}  // namespace varve::bench::s3
