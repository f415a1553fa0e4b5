#include "object_store/latency.h"

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "base/clock.h"

namespace varve::object_store {
namespace {

/// What an answer brings over the line.
template <class T>
std::uint64_t received_bytes(const Result<T>& result) {
  if constexpr (std::is_same_v<T, Bytes>) {
    if (result) return result->data.size();
  }
  return 0;
}

}  // namespace

LatencyStore::LatencyStore(std::shared_ptr<Store> below, const LatencyProfile& profile)
    : ForwardingStore(std::move(below)),
      profile_(profile),
      way_(std::make_shared<Way>(profile.bytes_per_second)),
      random_(profile.seed) {}

LatencyStore::~LatencyStore() {
  way_->timer.stop();
  calls_.close();
}

LatencyStore::Journey LatencyStore::draw(const std::optional<LatencyQuantiles>& quantiles) {
  const std::lock_guard lock(random_mutex_);
  // Always the same number of draws, so that one parameter does not change what another gives.
  const double z = std::normal_distribution<double>()(random_);
  const double share_there = std::uniform_real_distribution<double>()(random_);
  const bool stalls = std::uniform_real_distribution<double>()(random_) < profile_.stall_probability;
  std::chrono::microseconds latency = quantiles ? quantiles->at(z) : std::chrono::microseconds(0);
  if (stalls) latency += profile_.stall;
  const std::chrono::microseconds there(
      static_cast<std::int64_t>(share_there * static_cast<double>(latency.count())));
  return {.there = there, .back = latency - there};
}

Timer::Clock::time_point LatencyStore::Line::pass(Timer::Clock::time_point now, std::uint64_t bytes) {
  if (bytes_per_second_ == 0 || bytes == 0) return now;
  const std::chrono::duration<double> takes(static_cast<double>(bytes) /
                                            static_cast<double>(bytes_per_second_));
  const std::lock_guard lock(mutex_);
  free_at_ = std::max(now, free_at_) + std::chrono::duration_cast<Timer::Clock::duration>(takes);
  return free_at_;
}

template <class T>
void LatencyStore::travel(const std::optional<LatencyQuantiles>& quantiles, std::uint64_t body_bytes,
                          Done<T> done, std::function<void(Done<T>)> send) {
  if (calls_.size() >= open_max) {
    return done(Error(Code::unavailable, "the store has too many requests open; try again later"));
  }
  const Journey journey = draw(quantiles);
  const auto sent = way_->line.pass(base::now(), body_bytes);
  Done<T> answer = [way = way_, back = journey.back,
                    answer = calls_.add<T>(std::move(done))](Result<T> result) {
    const auto arrival = way->line.pass(base::now(), received_bytes(result)) + back;
    way->timer.at(arrival, [answer, result = std::move(result)]() mutable { answer(std::move(result)); });
  };
  // `this` may be used: the destructor stops the timer before anything else.
  way_->timer.at(sent + journey.there, [send = std::move(send), answer = std::move(answer)]() mutable {
    std::exchange(send, nullptr)(std::move(answer));
  });
}

void LatencyStore::put_if_absent(std::string key, Bytes body, Done<void> done) {
  const std::size_t bytes = body.data.size();
  travel<void>(profile_.put, bytes, std::move(done),
               [this, key = std::move(key), body = std::move(body)](Done<void> answer) mutable {
                 below_->put_if_absent(std::move(key), std::move(body), std::move(answer));
               });
}

void LatencyStore::put(std::string key, Bytes body, Done<void> done) {
  const std::size_t bytes = body.data.size();
  travel<void>(profile_.put, bytes, std::move(done),
               [this, key = std::move(key), body = std::move(body)](Done<void> answer) mutable {
                 below_->put(std::move(key), std::move(body), std::move(answer));
               });
}

void LatencyStore::get(std::string key, ByteRange range, Done<Bytes> done) {
  travel<Bytes>(profile_.get, 0, std::move(done), [this, key = std::move(key), range](Done<Bytes> answer) {
    below_->get(key, range, std::move(answer));
  });
}

void LatencyStore::list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) {
  travel<Listing>(profile_.get, 0, std::move(done),
                  [this, prefix = std::move(prefix), after = std::move(after), limit](Done<Listing> answer) {
                    below_->list(prefix, after, limit, std::move(answer));
                  });
}

void LatencyStore::remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) {
  travel<std::vector<RemoveFailure>>(profile_.get, 0, std::move(done),
                                     [this, keys = std::move(keys)](Done<std::vector<RemoveFailure>> answer) {
                                       below_->remove(keys, std::move(answer));
                                     });
}

}  // namespace varve::object_store
