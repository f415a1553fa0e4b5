// Counts the requests that one user of a store asks of it, and times their answers.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "base/clock.h"
#include "base/recorder.h"
#include "object_store/request_kind.h"
#include "varve/store.h"

namespace varve::object_store {

/// Thread-safe. Kept alive by the answers that are on their way.
class RequestTally : public std::enable_shared_from_this<RequestTally> {
 public:
  /// `done`, with the request counted now and its answer when it comes. `bytes`: of the body handed in.
  template <class T>
  [[nodiscard]] Store::Done<T> counted(RequestKind kind, std::uint64_t bytes, Store::Done<T> done) {
    of(kind).begin(bytes);
    return [tally = shared_from_this(), kind, began = base::now(), done = std::move(done)](Result<T> result) {
      std::uint64_t received = 0;
      if constexpr (std::is_same_v<T, Bytes>) {
        if (result) received = result->data.size();
      }
      tally->of(kind).end(base::now() - began, received, result ? nullptr : &result.error());
      done(std::move(result));
    };
  }

  [[nodiscard]] StoreRequests snapshot() const;

 private:
  using Clock = std::chrono::steady_clock;

  /// Of one kind. All accesses are relaxed: see `base::Recorder`.
  class Requests {
   public:
    void begin(std::uint64_t bytes) noexcept;
    void end(Clock::duration took, std::uint64_t bytes, const Error* error) noexcept;
    [[nodiscard]] RequestMetrics snapshot() const;

   private:
    std::atomic<std::uint64_t> asked_{0};
    std::atomic<std::uint64_t> bytes_{0};
    std::array<std::atomic<std::uint64_t>, code_count> errors_{};
    base::LatencyRecorder latency_;
  };

  Requests& of(RequestKind kind) noexcept;

  // Asked by one thread and answered by another; their lines are nobody else's.
  alignas(64) Requests put_;
  Requests get_;
  Requests list_;
  Requests remove_;
};

}  // namespace varve::object_store
