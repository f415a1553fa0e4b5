// The example of docs/stores.md, and the conformance suite run on it as a user would.
#include <map>
#include <memory>
#include <mutex>
#include <type_traits>

#include "object_store/key.h"
#include "testing/conformance.h"

namespace {

using namespace varve;

class MapStore final : public Store {
 public:
  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    if (auto checked = object_store::check_key(key); !checked) return done(checked);
    const bool created =
        locked([&] { return objects_.try_emplace(key, object_store::copy_bytes(body.data)).second; });
    body = {};  // may not be held once `done` is called
    if (!created) return done(Error(Code::already_exists, key + " exists"));
    done({});
  }

  void put(std::string key, Bytes body, Done<void> done) override {
    if (auto checked = object_store::check_key(key); !checked) return done(checked);
    locked([&] { return objects_[key] = object_store::copy_bytes(body.data); });
    body = {};
    done({});
  }

  void get(std::string key, ByteRange range, Done<Bytes> done) override {
    if (auto checked = object_store::check_key(key); !checked) return done(checked.error());
    Bytes object;
    const bool found = locked([&] {
      const auto at = objects_.find(key);
      if (at != objects_.end()) object = at->second;
      return at != objects_.end();
    });
    if (!found) return done(Error(Code::not_found, key + " does not exist"));
    range = object_store::clamp(range, object.data.size());
    done(Bytes{.data = object.data.subspan(range.offset, range.length), .owner = object.owner});
  }

  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    if (auto checked = object_store::check_limit(limit); !checked) return done(checked.error());
    done(locked([&] {
      Listing page;
      for (auto at = objects_.upper_bound(after); at != objects_.end() && !page.truncated; ++at) {
        if (!at->first.starts_with(prefix)) continue;
        page.truncated = page.objects.size() == limit;
        if (!page.truncated) page.objects.push_back({.key = at->first, .bytes = at->second.data.size()});
      }
      return page;
    }));
  }

  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override {
    if (auto checked = object_store::check_key_count(keys.size()); !checked) return done(checked.error());
    std::vector<RemoveFailure> failures;
    for (const std::string& key : keys) {
      if (auto checked = object_store::check_key(key); !checked) {
        failures.push_back({.key = key, .error = checked.error()});
      } else {
        locked([&] { return objects_.erase(key); });
      }
    }
    done(std::move(failures));
  }

  [[nodiscard]] std::string describe() const override { return "a map"; }

 private:
  template <class Work>
  std::invoke_result_t<Work> locked(Work work) {
    const std::lock_guard lock(mutex_);
    return work();
  }

  std::mutex mutex_;
  std::map<std::string, Bytes> objects_;
};

}  // namespace

namespace varve::object_store {

INSTANTIATE_TEST_SUITE_P(Mine, StoreConformance,
                         testing::Values(StoreUnderTest{.name = "map",
                                                        .open = [] { return std::make_shared<MapStore>(); }}),
                         name_of);

}  // namespace varve::object_store
