// For tests: stores that lack one thing a log needs, as real ones have lacked it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "object_store/forwarding.h"
#include "varve/store.h"

namespace varve::preflight {

using object_store::ForwardingStore;

/// Nothing is broken, but requests cost money.
class PricedStore : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  [[nodiscard]] bool requests_are_priced() const override { return true; }
};

/// Nothing is broken, but its clock or ours is wrong.
class AheadOfUs : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  [[nodiscard]] std::optional<std::chrono::seconds> clock_ahead() const override {
    return std::chrono::hours(1);
  }
};

/// As servers that do not know If-None-Match.
class IgnoresIfAbsent : public PricedStore {
 public:
  using PricedStore::PricedStore;
  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    below_->put(std::move(key), std::move(body), std::move(done));
  }
};

/// As servers that know the header and answer 501 to it.
class CannotCreateIfAbsent : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void put_if_absent(std::string key, Bytes /*body*/, Done<void> done) override {
    done(Error(Code::unsupported, key + ": If-None-Match is not implemented"));
  }
};

/// Looks, and then puts: as a gateway that does the check itself.
class LooksThenPuts : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    below_->get(key, {}, [below = below_.get(), key, body, done](const Result<Bytes>& found) {
      if (found) return done(Error(Code::already_exists, key + " exists"));
      below->put(key, body, done);
    });
  }
};

class RefusesAndStores : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    below_->put_if_absent(key, body, [below = below_.get(), key, body, done](const Result<void>& created) {
      if (created) return done(created);
      below->put(key, body, [created, done](const Result<void>&) { done(created); });
    });
  }
};

/// Remembers for one read more that an object was not there.
class RemembersAbsence : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void get(std::string key, ByteRange range, Done<Bytes> done) override {
    {
      const std::lock_guard lock(mutex_);
      if (absent_.erase(key) != 0) return done(Error(Code::not_found, key));
    }
    below_->get(key, range, [this, key, done](const Result<Bytes>& bytes) {
      if (!bytes) {
        const std::lock_guard lock(mutex_);
        absent_.insert(key);
      }
      done(bytes);
    });
  }

 private:
  std::mutex mutex_;
  std::set<std::string> absent_;
};

/// Serves the version that was read first.
class RemembersContent : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void get(std::string key, ByteRange range, Done<Bytes> done) override {
    {
      const std::lock_guard lock(mutex_);
      if (const auto known = seen_.find({key, range.offset}); known != seen_.end())
        return done(known->second);
    }
    below_->get(key, range, [this, key, range, done](const Result<Bytes>& bytes) {
      if (bytes) {
        const std::lock_guard lock(mutex_);
        seen_.emplace(std::pair(key, range.offset), *bytes);
      }
      done(bytes);
    });
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::uint64_t>, Bytes> seen_;
};

/// Answers a listing as it answered it the first time.
class RemembersListings : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    const auto question = std::tuple(prefix, after, limit);
    {
      const std::lock_guard lock(mutex_);
      if (const auto known = seen_.find(question); known != seen_.end()) return done(known->second);
    }
    below_->list(prefix, after, limit, [this, question, done](const Result<Listing>& page) {
      if (page) {
        const std::lock_guard lock(mutex_);
        seen_.emplace(question, *page);
      }
      done(page);
    });
  }

 private:
  std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, std::uint32_t>, Listing> seen_;
};

/// Pages through names by how many it has passed, so that one is missed where others went meanwhile.
class MissesWhatStays : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override {
    went_ = keys.size() == 1;
    below_->remove(std::move(keys), std::move(done));
  }
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    below_->list(prefix, after, limit, [done, miss = went_.exchange(false)](Result<Listing> page) {
      if (page && miss && page->objects.size() > 1) page->objects.pop_back();
      done(std::move(page));
    });
  }

 private:
  std::atomic<bool> went_ = false;
};

/// As S3's directory buckets, whose listings have no order.
class ListsBackwards : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    below_->list(prefix, after, limit, [done](Result<Listing> page) {
      if (page) std::reverse(page->objects.begin(), page->objects.end());
      done(std::move(page));
    });
  }
};

/// Lists the rest of a page of `limit` names without the one it begins with.
class SkipsAfterPages : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    below_->list(prefix, after, limit, [done, skip = !after.empty()](Result<Listing> page) {
      if (page && skip && !page->objects.empty()) page->objects.erase(page->objects.begin());
      done(std::move(page));
    });
  }
};

class IgnoresRanges : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void get(std::string key, ByteRange, Done<Bytes> done) override { below_->get(key, {}, std::move(done)); }
};

/// Forgets every third key of a delete, without a word.
class LosesRemovals : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override {
    std::vector<std::string> kept;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i % 3 != 2) kept.push_back(keys[i]);
    }
    below_->remove(std::move(kept), std::move(done));
  }
};

}  // namespace varve::preflight
