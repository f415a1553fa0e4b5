// A store that misbehaves as told: for tests of everything above a store.
//
//   FaultyStore faulty(below);
//   faulty.add({.request = RequestKind::put_if_absent, .fault = Fault::lose_answer, .skip = 2});
//
// makes the third create-if-absent from now on land and be answered with `unavailable`/`unknown`.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "object_store/open_calls.h"
#include "object_store/request_kind.h"
#include "varve/store.h"

namespace varve::object_store {

enum class Fault : std::uint8_t {
  fail,           ///< not done; `unavailable`, `not_written`
  lose_answer,    ///< done; `unavailable`, `unknown`
  hold_request,   ///< not done until `release`
  hold_answer,    ///< done; answered after `release`
  claim_exists,   ///< done; a success is answered with `already_exists`, as after a retry inside
  corrupt_bytes,  ///< a get's answer has a bit flipped in its middle
};

/// `FaultRule::times`: until it is cleared.
inline constexpr std::uint64_t for_good = UINT64_MAX;

/// Which requests a fault befalls: of those that match, counted from when the rule was added, the
/// `times` ones after the first `skip`.
struct FaultRule {
  RequestKind request = RequestKind::put_if_absent;
  Fault fault = Fault::fail;
  std::uint64_t skip = 0;
  std::uint64_t times = 1;    ///< or for_good
  std::string key_part = {};  ///< only keys (of a list: the prefix; of a remove: the first) that contain this
};

/// Thread-safe. Requests held when it is destroyed are answered with `closed`; a held request is
/// then never done. Without rules it passes everything through.
class FaultyStore final : public Store {
 public:
  explicit FaultyStore(std::shared_ptr<Store> below) : below_(std::move(below)) {}
  ~FaultyStore() override;

  /// The first rule that applies to a request decides.
  void add(FaultRule rule);
  /// Forgets all rules. What is held stays so.
  void heal();

  /// Lets the `count` oldest of the held requests and answers go on; returns how many there were.
  std::size_t release(std::size_t count = SIZE_MAX);
  /// Waits until at least `count` are held.
  void wait_for_held(std::size_t count);

  void put_if_absent(std::string key, Bytes body, Done<void> done) override;
  void put(std::string key, Bytes body, Done<void> done) override;
  void get(std::string key, ByteRange range, Done<Bytes> done) override;
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override;
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override;
  [[nodiscard]] std::string describe() const override { return below_->describe(); }
  [[nodiscard]] bool requests_are_priced() const override { return below_->requests_are_priced(); }
  [[nodiscard]] std::optional<StoreMetrics> metrics() const override { return below_->metrics(); }
  [[nodiscard]] std::optional<std::chrono::seconds> clock_ahead() const override {
    return below_->clock_ahead();
  }

 private:
  struct Held {
    std::mutex mutex;
    std::condition_variable grew;
    std::vector<std::function<void()>> steps;  ///< what `release` does, oldest first

    void add(std::function<void()> step);
  };

  [[nodiscard]] std::optional<Fault> fault_for(RequestKind kind, const std::string& key);

  /// Does `send` (which hands the request to the store below) as the rules will have it.
  template <class T>
  void intercept(RequestKind kind, const std::string& key, Done<T> done, std::function<void(Done<T>)> send);

  const std::shared_ptr<Store> below_;
  OpenCalls calls_;
  /// Shared with answers on their way from the store below, which may outlive this one.
  const std::shared_ptr<Held> held_ = std::make_shared<Held>();
  std::mutex rules_mutex_;
  std::vector<FaultRule> rules_;
};

}  // namespace varve::object_store
