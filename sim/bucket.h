// A simulated object store that many processes share, and the faults between them and it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/fibers.h"
#include "sim/random.h"
#include "varve/store.h"

namespace varve::sim {

/// How often a thing goes wrong, in a thousand requests.
struct Weather {
  std::uint32_t refused = 0;       ///< not carried out, and said so
  std::uint32_t unanswered = 0;    ///< carried out, and the answer is "unavailable"
  std::uint32_t late = 0;          ///< "unavailable", and carried out up to half a minute afterwards
  std::uint32_t repeated = 0;      ///< a write is carried out once more, up to half a minute afterwards
  std::uint32_t false_exists = 0;  ///< a create that was new says that it exists
  std::uint32_t slow = 0;          ///< takes seconds instead of milliseconds
};

class Bucket {
 public:
  Bucket(Fibers& fibers, std::uint64_t seed, std::string name)
      : fibers_(fibers), random_(seed), name_(std::move(name)) {}

  /// The store as that process sees it. Its answers come on fibers of the process, if it still lives then.
  [[nodiscard]] std::shared_ptr<Store> client(ProcessId process);

  void set(const Weather& weather) { weather_ = weather; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  friend class BucketClient;
  using Object = std::shared_ptr<const std::vector<std::byte>>;

  /// What a listing looks at.
  struct SplitView {
    enum class Order : std::uint8_t { forward, back_first, in_shards, scattered };
    static constexpr std::uint64_t orders = 4;
    using Names = std::map<std::string, std::uint64_t>;
    Order order = Order::forward;
    std::vector<Names> moments = {};
  };

  template <class T>
  void request(ProcessId process, bool write, Store::Done<T> done, std::function<Result<T>()> carry_out);
  [[nodiscard]] base::TimePoint after(std::uint64_t most_ms);
  void list(ProcessId process, std::string prefix, std::string after, std::uint32_t limit,
            Store::Done<Listing> done);
  [[nodiscard]] Listing together(const SplitView& view, std::uint32_t limit);
  Result<Bytes> get(const std::string& key, ByteRange range);

  Fibers& fibers_;
  Random random_;
  std::string name_;
  Weather weather_;
  std::map<std::string, Object> objects_;
};

}  // namespace varve::sim
