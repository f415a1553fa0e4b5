// For tests: stores that lack one thing a log needs, as real ones have lacked it.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "varve/store.h"

namespace varve::preflight {

/// Passes everything through; each broken store overrides what it breaks.
class PassingStore : public Store {
 public:
  explicit PassingStore(std::shared_ptr<Store> below) : below_(std::move(below)) {}

  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    below_->put_if_absent(std::move(key), std::move(body), std::move(done));
  }
  void put(std::string key, Bytes body, Done<void> done) override {
    below_->put(std::move(key), std::move(body), std::move(done));
  }
  void get(std::string key, ByteRange range, Done<Bytes> done) override {
    below_->get(std::move(key), range, std::move(done));
  }
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    below_->list(std::move(prefix), std::move(after), limit, std::move(done));
  }
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override {
    below_->remove(std::move(keys), std::move(done));
  }
  [[nodiscard]] std::string describe() const override { return below_->describe(); }

 protected:
  const std::shared_ptr<Store> below_;
};

/// Nothing is broken, but requests cost money.
class PricedStore : public PassingStore {
 public:
  using PassingStore::PassingStore;
  [[nodiscard]] bool requests_are_priced() const override { return true; }
};

/// Nothing is broken, but its clock or ours is wrong.
class AheadOfUs : public PassingStore {
 public:
  using PassingStore::PassingStore;
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
class CannotCreateIfAbsent : public PassingStore {
 public:
  using PassingStore::PassingStore;
  void put_if_absent(std::string key, Bytes /*body*/, Done<void> done) override {
    done(Error(Code::unsupported, key + ": If-None-Match is not implemented"));
  }
};

/// Looks, and then puts: as a gateway that does the check itself.
class LooksThenPuts : public PassingStore {
 public:
  using PassingStore::PassingStore;
  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    below_->get(key, {}, [below = below_.get(), key, body, done](const Result<Bytes>& found) {
      if (found) return done(Error(Code::already_exists, key + " exists"));
      below->put(key, body, done);
    });
  }
};

class RefusesAndStores : public PassingStore {
 public:
  using PassingStore::PassingStore;
  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    below_->put_if_absent(key, body, [below = below_.get(), key, body, done](const Result<void>& created) {
      if (created) return done(created);
      below->put(key, body, [created, done](const Result<void>&) { done(created); });
    });
  }
};

/// Remembers for one read more that an object was not there.
class RemembersAbsence : public PassingStore {
 public:
  using PassingStore::PassingStore;
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
class RemembersContent : public PassingStore {
 public:
  using PassingStore::PassingStore;
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
class RemembersListings : public PassingStore {
 public:
  using PassingStore::PassingStore;
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

/// As S3's directory buckets, whose listings have no order.
class ListsBackwards : public PassingStore {
 public:
  using PassingStore::PassingStore;
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    below_->list(prefix, after, limit, [done](Result<Listing> page) {
      if (page) std::reverse(page->objects.begin(), page->objects.end());
      done(std::move(page));
    });
  }
};

/// Lists the rest of a page of `limit` names without the one it begins with.
class SkipsAfterPages : public PassingStore {
 public:
  using PassingStore::PassingStore;
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    below_->list(prefix, after, limit, [done, skip = !after.empty()](Result<Listing> page) {
      if (page && skip && !page->objects.empty()) page->objects.erase(page->objects.begin());
      done(std::move(page));
    });
  }
};

class IgnoresRanges : public PassingStore {
 public:
  using PassingStore::PassingStore;
  void get(std::string key, ByteRange, Done<Bytes> done) override { below_->get(key, {}, std::move(done)); }
};

/// Forgets every third key of a delete, without a word.
class LosesRemovals : public PassingStore {
 public:
  using PassingStore::PassingStore;
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override {
    std::vector<std::string> kept;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i % 3 != 2) kept.push_back(keys[i]);
    }
    below_->remove(std::move(kept), std::move(done));
  }
};

}  // namespace varve::preflight
