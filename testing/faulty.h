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

#include "object_store/forwarding.h"
#include "object_store/open_calls.h"
#include "object_store/request_kind.h"
#include "testing/split_listing.h"
#include "varve/store.h"

namespace varve::object_store {

enum class Fault : std::uint8_t {
  fail,           ///< not done; `unavailable`, `not_written`
  lose_answer,    ///< done; `unavailable`, `unknown`
  hold_request,   ///< not done until `release`
  hold_answer,    ///< done; answered after `release`
  claim_exists,   ///< done; a success is answered with `already_exists`, as after a retry inside
  corrupt_bytes,  ///< a get's answer has a bit flipped in its middle
  split_listing,  ///< a list looks at `moments` moments: at once, and at each `release`. The last one answers
                  ///< it
};

/// `FaultRule::times`: until it is cleared.
inline constexpr std::uint64_t for_good = UINT64_MAX;

/// Which requests a fault befalls: of those that match, counted from when the rule was added, the
/// `times` ones after the first `skip`.
struct FaultRule {
  RequestKind request = RequestKind::put_if_absent;
  Fault fault = Fault::fail;
  std::uint64_t skip = 0;
  std::uint64_t times = 1;                        ///< or for_good
  ListingOrder order = ListingOrder::back_first;  ///< of a split listing
  std::size_t moments = 2;                        ///< likewise, at least 1
  std::string key_part = {};  ///< only keys (of a list: the prefix; of a remove: the first) that contain this
};

/// Thread-safe. Requests held when it is destroyed are answered with `closed`; a held request is
/// then never done. Without rules it passes everything through.
class FaultyStore final : public ForwardingStore {
 public:
  explicit FaultyStore(std::shared_ptr<Store> below) : ForwardingStore(std::move(below)) {}
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

 private:
  struct Held {
    std::mutex mutex;
    std::condition_variable grew;
    std::vector<std::function<void()>> steps;  ///< what `release` does, oldest first

    void add(std::function<void()> step);
  };

  /// A listing that is looked at in parts.
  struct SplitListing;

  [[nodiscard]] std::optional<FaultRule> fault_for(RequestKind kind, const std::string& key);
  /// Looks at what there is, page by page from `after` on; then holds the listing or answers it.
  static void look(Store& below, const std::shared_ptr<Held>& held,
                   const std::shared_ptr<SplitListing>& listing, const std::string& after);

  /// Does `send` (which hands the request to the store below) as the rules will have it.
  template <class T>
  void intercept(const std::optional<FaultRule>& rule, Done<T> done, std::function<void(Done<T>)> send);

  OpenCalls calls_;
  /// Shared with answers on their way from the store below, which may outlive this one.
  const std::shared_ptr<Held> held_ = std::make_shared<Held>();
  std::mutex rules_mutex_;
  std::vector<FaultRule> rules_;
};

}  // namespace varve::object_store
