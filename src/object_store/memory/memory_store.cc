#include "object_store/memory/memory_store.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "object_store/bytes.h"
#include "object_store/key.h"
#include "object_store/latency.h"

namespace varve::object_store {

namespace {

// Freed bodies that wait for the next ones.
constexpr std::size_t kept_body_bytes_max = std::size_t{4} << 30;

}  // namespace

MemoryStore::MemoryStore(std::string name)
    : name_(std::move(name)), memory_(BodyMemory::create(kept_body_bytes_max)), workers_(2) {}

MemoryStore::~MemoryStore() { workers_.stop(); }

std::string MemoryStore::describe() const { return "mem://" + name_; }

void MemoryStore::put_if_absent(std::string key, Bytes body, Done<void> done) {
  workers_.run<void>(std::move(done), [this, key = std::move(key), body = std::move(body)] {
    return do_put(key, body, /*replace=*/false);
  });
}

void MemoryStore::put(std::string key, Bytes body, Done<void> done) {
  workers_.run<void>(std::move(done), [this, key = std::move(key), body = std::move(body)] {
    return do_put(key, body, /*replace=*/true);
  });
}

void MemoryStore::get(std::string key, ByteRange range, Done<Bytes> done) {
  workers_.run<Bytes>(std::move(done), [this, key = std::move(key), range] { return do_get(key, range); });
}

void MemoryStore::list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) {
  workers_.run<Listing>(std::move(done), [this, prefix = std::move(prefix), after = std::move(after), limit] {
    return do_list(prefix, after, limit);
  });
}

void MemoryStore::remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) {
  workers_.run<std::vector<RemoveFailure>>(std::move(done),
                                           [this, keys = std::move(keys)] { return do_remove(keys); });
}

Result<Bytes> MemoryStore::copy(std::span<const std::byte> body) {
  std::shared_ptr<std::byte[]> memory = memory_->take_in_line(body.size());
  if (!memory) return Error(Code::no_space, describe() + ": the system has no more memory");
  if (!body.empty()) std::memcpy(memory.get(), body.data(), body.size());
  const std::span<const std::byte> view(memory.get(), body.size());
  return Bytes{.data = view, .owner = std::move(memory)};
}

Result<void> MemoryStore::do_put(const std::string& key, const Bytes& body, bool replace) {
  if (auto checked = check_key(key); !checked) return checked;
  Result<Bytes> copied = this->copy(body.data);
  if (!copied) return copied.error();
  Bytes copy = *std::move(copied);
  const std::lock_guard lock(mutex_);
  if (replace) {
    // The old body is let go with `copy`, after the lock.
    std::swap(objects_[key], copy);
    return {};
  }
  if (objects_.try_emplace(key, std::move(copy)).second) return {};
  return Error(Code::already_exists, fmt::format("{}/{} exists", describe(), key));
}

Result<Bytes> MemoryStore::do_get(const std::string& key, ByteRange range) {
  if (auto checked = check_key(key); !checked) return checked.error();
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) {
    return Error(Code::not_found, fmt::format("{}/{} does not exist", describe(), key));
  }
  const Bytes& object = found->second;
  const ByteRange existing = clamp(range, object.data.size());
  return Bytes{.data = object.data.subspan(existing.offset, existing.length), .owner = object.owner};
}

Result<Listing> MemoryStore::do_list(const std::string& prefix, const std::string& after,
                                     std::uint32_t limit) {
  if (auto checked = check_limit(limit); !checked) return checked.error();
  Listing page;
  const std::lock_guard lock(mutex_);
  auto at = after < prefix ? objects_.lower_bound(prefix) : objects_.upper_bound(after);
  for (; at != objects_.end() && at->first.starts_with(prefix); ++at) {
    if (page.objects.size() == limit) {
      page.truncated = true;
      break;
    }
    page.objects.push_back({.key = at->first, .bytes = at->second.data.size()});
  }
  return page;
}

Result<std::vector<RemoveFailure>> MemoryStore::do_remove(const std::vector<std::string>& keys) {
  if (auto checked = check_key_count(keys.size()); !checked) return checked.error();
  std::vector<RemoveFailure> failures;
  std::vector<Bytes> removed;  // large bodies are freed outside the lock
  const std::lock_guard lock(mutex_);
  for (const std::string& key : keys) {
    if (auto checked = check_key(key); !checked) {
      failures.push_back({.key = key, .error = checked.error()});
    } else if (auto node = objects_.extract(key)) {
      removed.push_back(std::move(node.mapped()));
    }
  }
  return failures;
}

namespace {

std::shared_ptr<Store> shared_by_name(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<MemoryStore>> stores_by_name;
  const std::lock_guard lock(mutex);
  std::erase_if(stores_by_name, [](const auto& entry) { return entry.second.expired(); });
  std::shared_ptr<MemoryStore> store = stores_by_name[name].lock();
  if (!store) {
    store = std::make_shared<MemoryStore>(name);
    stores_by_name[name] = store;
  }
  return store;
}

}  // namespace

Result<std::shared_ptr<Store>> open_memory_store(const Uri& uri) {
  if (uri.authority.empty()) return Error(Code::invalid_argument, "mem:// needs a name, as in mem://trial");
  if (!uri.path.empty()) {
    return Error(Code::invalid_argument, "mem://name is a whole store; it has no folders to open");
  }
  if (auto known = expect_params(uri, {"put", "get", "stall", "bandwidth", "seed"}); !known)
    return known.error();
  const auto profile = parse_latency_profile(uri);
  if (!profile) return profile.error();
  std::shared_ptr<Store> store = shared_by_name(uri.authority);
  if (uri.params.empty()) return store;
  return std::make_shared<LatencyStore>(std::move(store), *profile);
}

}  // namespace varve::object_store
