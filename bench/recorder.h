// What passed between a run and its store, and when.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bench/histogram.h"
#include "varve/store.h"

namespace varve::bench {

using Clock = std::chrono::steady_clock;

/// Requests and bytes.
struct StoreUse {
  std::uint64_t puts = 0;
  std::uint64_t gets = 0;
  std::uint64_t lists = 0;
  std::uint64_t removes = 0;
  std::uint64_t put_bytes = 0;
  std::uint64_t got_bytes = 0;

  [[nodiscard]] std::uint64_t requests() const { return puts + gets + lists + removes; }
  /// At the list prices of S3 (`Prices` in varve/doctor.h); a DELETE is free.
  [[nodiscard]] double dollars() const;
  friend StoreUse operator-(const StoreUse& after, const StoreUse& before);
};

/// One create-if-absent that succeeded, of more than a name.
struct Upload {
  std::string key;
  std::size_t bytes = 0;
  Offset end_offset = 0;  ///< behind its records, if it is an object of a log; else 0
  Clock::time_point began;
  Clock::time_point ended;
};

/// Passes everything on, and remembers it. Thread-safe. Answers outlive it harmlessly.
class Recorder final : public Store {
 public:
  explicit Recorder(std::shared_ptr<Store> below);

  [[nodiscard]] const std::shared_ptr<Store>& below() const { return below_; }
  [[nodiscard]] StoreUse use() const;
  /// In the order they ended.
  [[nodiscard]] std::vector<Upload> uploads() const;
  [[nodiscard]] Histogram put_us() const;
  /// The longest chain of requests each of which began after the one before had been answered:
  /// round trips, since `forget_trips`. Too many on a store without latency, where some requests that
  /// go out together are answered before the last of them has gone.
  [[nodiscard]] std::uint32_t trips() const;
  void forget_trips();

  void put_if_absent(std::string key, Bytes body, Done<void> done) override;
  void put(std::string key, Bytes body, Done<void> done) override;
  void get(std::string key, ByteRange range, Done<Bytes> done) override;
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override;
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override;
  [[nodiscard]] std::string describe() const override { return below_->describe(); }
  [[nodiscard]] bool requests_are_priced() const override { return below_->requests_are_priced(); }
  [[nodiscard]] std::optional<StoreMetrics> metrics() const override { return below_->metrics(); }

 private:
  struct Notes {
    std::mutex mutex;
    StoreUse use;
    std::vector<Upload> uploads;
    std::uint32_t trips = 0;  // of what was answered
  };
  /// `done`, after noting how many trips deep the answer is.
  template <class T>
  Done<T> noted(std::uint64_t StoreUse::*kind, Done<T> done);

  const std::shared_ptr<Store> below_;
  const std::shared_ptr<Notes> notes_ = std::make_shared<Notes>();
};

}  // namespace varve::bench
