// Objects in this process's memory: for tests, trials, and the simulator's peers.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/mapped_memory.h"
#include "object_store/uri.h"
#include "object_store/workers.h"
#include "varve/store.h"

namespace varve::object_store {

/// Bodies are copied in and shared out. Requests run on two threads of the store, never in the
/// caller's, so that they finish in any order as they do elsewhere.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::string name);
  ~MemoryStore() override;

  void put_if_absent(std::string key, Bytes body, Done<void> done) override;
  void put(std::string key, Bytes body, Done<void> done) override;
  void get(std::string key, ByteRange range, Done<Bytes> done) override;
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override;
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override;
  [[nodiscard]] std::string describe() const override;

 private:
  [[nodiscard]] Result<Bytes> copy(std::span<const std::byte> body);
  Result<void> do_put(const std::string& key, const Bytes& body, bool replace);
  Result<Bytes> do_get(const std::string& key, ByteRange range);
  Result<Listing> do_list(const std::string& prefix, const std::string& after, std::uint32_t limit);
  Result<std::vector<RemoveFailure>> do_remove(const std::vector<std::string>& keys);

  const std::string name_;
  std::mutex mutex_;
  const std::shared_ptr<BodyMemory> memory_;
  std::map<std::string, Bytes, std::less<>> objects_;
  Workers workers_;
};

/// `mem://name`: the store of that name while anyone holds it, a new one otherwise. Parameters put a
/// `LatencyStore` of this caller's own before it.
Result<std::shared_ptr<Store>> open_memory_store(const Uri& uri);

}  // namespace varve::object_store
