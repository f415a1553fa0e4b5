#include "bench/raw.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>

#include "bench/process.h"
#include "format/key.h"

namespace varve::bench {

namespace {

/// So many requests at once, and no more; the first error ends it.
class Gate {
 public:
  explicit Gate(std::uint32_t places) : places_(places) {}

  bool enter() {
    std::unique_lock lock(mutex_);
    left_.wait(lock, [this] { return inside_ < places_; });
    if (error_) return false;
    ++inside_;
    return true;
  }
  void leave(const std::optional<Error>& error) {
    const std::lock_guard lock(mutex_);
    if (error && !error_) error_ = error;
    --inside_;
    left_.notify_all();
  }
  std::optional<Error> wait_until_empty() {
    std::unique_lock lock(mutex_);
    left_.wait(lock, [this] { return inside_ == 0; });
    return error_;
  }

 private:
  const std::uint32_t places_;
  std::mutex mutex_;
  std::condition_variable left_;
  std::uint32_t inside_ = 0;
  std::optional<Error> error_;
};

class Stopwatch {
 public:
  void stop(Figures& figures) const {
    figures.seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    figures.cpu_seconds = cpu_seconds() - cpu_before_;
  }

 private:
  double cpu_before_ = cpu_seconds();
  Clock::time_point begin_ = Clock::now();
};

}  // namespace

Result<Figures> put_raw(const LogAddress& place, const std::vector<std::size_t>& object_bytes,
                        std::uint32_t in_flight) {
  const std::size_t most = object_bytes.empty() ? 0 : std::ranges::max(object_bytes);
  const auto body = std::make_shared<std::vector<std::byte>>(most, std::byte{0x5a});
  Figures figures;
  Gate gate(in_flight);
  const Stopwatch watch;
  Seq seq = 0;
  for (const std::size_t bytes : object_bytes) {
    if (!gate.enter()) break;
    place.store->put_if_absent(format::wal_key(place.path, seq++), {std::span(*body).first(bytes), body},
                               [&gate](const Result<void>& stored) {
                                 gate.leave(stored ? std::nullopt : std::optional(stored.error()));
                               });
    figures.bytes += bytes;
  }
  if (const auto error = gate.wait_until_empty()) return *error;
  watch.stop(figures);
  figures.records = object_bytes.size();
  return figures;
}

Result<Figures> get_raw(Store& store, const std::vector<std::string>& keys, std::uint32_t in_flight) {
  Figures figures;
  std::mutex mutex;
  Gate gate(in_flight);
  const Stopwatch watch;
  for (const std::string& key : keys) {
    if (!gate.enter()) break;
    store.get(key, {}, [&](const Result<Bytes>& got) {
      if (got) {
        const std::lock_guard lock(mutex);
        figures.bytes += got->data.size();
      }
      gate.leave(got ? std::nullopt : std::optional(got.error()));
    });
  }
  if (const auto error = gate.wait_until_empty()) return *error;
  watch.stop(figures);
  figures.records = keys.size();
  return figures;
}

}  // namespace varve::bench
