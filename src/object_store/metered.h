// Counts what passes to a store: requests, bytes, and how many are open at once.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "object_store/forwarding.h"
#include "object_store/open_calls.h"
#include "object_store/request_kind.h"
#include "varve/store.h"

namespace varve::object_store {

/// Of one kind of request, since the store was made.
struct RequestCounts {
  std::uint64_t started = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t bytes = 0;     ///< bodies handed in by puts, bodies received by gets; 0 for others
  std::uint64_t open_max = 0;  ///< the most that were unanswered at one moment
};

/// Thread-safe.
class MeteredStore final : public ForwardingStore {
 public:
  explicit MeteredStore(std::shared_ptr<Store> below) : ForwardingStore(std::move(below)) {}
  ~MeteredStore() override { calls_.close(); }

  /// A consistent-enough snapshot: a request that ends now may be in one number and not another.
  [[nodiscard]] RequestCounts counts(RequestKind kind) const;

  /// Waits until every request has been answered: also those that nobody waits for, such as the
  /// deletion of what has been passed. Not from within a `done`.
  void wait_for_answers() { calls_.wait(); }

  void put_if_absent(std::string key, Bytes body, Done<void> done) override;
  void put(std::string key, Bytes body, Done<void> done) override;
  void get(std::string key, ByteRange range, Done<Bytes> done) override;
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override;
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override;

 private:
  // Each number is on its own; nothing is published through them, so all accesses are relaxed.
  struct Meter {
    std::atomic<std::uint64_t> started{0};
    std::atomic<std::uint64_t> succeeded{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> open{0};
    std::atomic<std::uint64_t> open_max{0};

    void begin();
    void end(bool success);
  };
  using Meters = std::array<Meter, request_kinds>;

  /// `done`, with the call counted from now until its answer.
  template <class T>
  [[nodiscard]] Done<T> counted(RequestKind kind, Done<T> done);
  [[nodiscard]] Meter& meter(RequestKind kind) const;

  OpenCalls calls_;
  const std::shared_ptr<Meters> meters_ = std::make_shared<Meters>();
};

}  // namespace varve::object_store
