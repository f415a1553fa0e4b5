// Makes a near store behave like a remote one: latency, stalls, a shared line.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "object_store/forwarding.h"
#include "object_store/latency_profile.h"
#include "object_store/open_calls.h"
#include "object_store/timer.h"
#include "varve/store.h"

namespace varve::object_store {

/// Thread-safe. Latencies of different requests pass at the same time; bodies share the line one
/// after the other. A request reaches the store below at a random moment within its latency, so a
/// client that dies, or drops this store, may lose the answer of a write that landed or lands yet.
/// The profile's latency is a floor: what the store below takes beyond it comes on top.
class LatencyStore final : public ForwardingStore {
 public:
  /// Requests that may be open; one more is refused as `unavailable`.
  static constexpr std::size_t open_max = 16'384;

  LatencyStore(std::shared_ptr<Store> below, const LatencyProfile& profile);
  ~LatencyStore() override;

  void put_if_absent(std::string key, Bytes body, Done<void> done) override;
  void put(std::string key, Bytes body, Done<void> done) override;
  void get(std::string key, ByteRange range, Done<Bytes> done) override;
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override;
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override;

 private:
  /// What one request waits on its way there and back.
  struct Journey {
    std::chrono::microseconds there{0};
    std::chrono::microseconds back{0};
  };

  /// The line that bodies share.
  class Line {
   public:
    explicit Line(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}
    /// When `bytes` that are to be sent from `now` on will have passed.
    Timer::Clock::time_point pass(Timer::Clock::time_point now, std::uint64_t bytes);

   private:
    const std::uint64_t bytes_per_second_;
    std::mutex mutex_;
    Timer::Clock::time_point free_at_{};
  };

  /// What answers on their way need; they may outlive this store, but must not keep `below_` alive.
  struct Way {
    explicit Way(std::uint64_t bytes_per_second) : line(bytes_per_second) {}
    Timer timer;
    Line line;
  };

  [[nodiscard]] Journey draw(const std::optional<LatencyQuantiles>& quantiles);

  /// Does `send` (which hands the request to the store below) later, and gives its answer later.
  template <class T>
  void travel(const std::optional<LatencyQuantiles>& quantiles, std::uint64_t body_bytes, Done<T> done,
              std::function<void(Done<T>)> send);

  const LatencyProfile profile_;
  OpenCalls calls_;
  const std::shared_ptr<Way> way_;
  std::mutex random_mutex_;
  std::mt19937_64 random_;
};

}  // namespace varve::object_store
