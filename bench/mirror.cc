#include "bench/mirror.h"

#include <condition_variable>
#include <mutex>

#include "bench/process.h"

namespace varve::bench {

namespace {

/// The store's answers go on with the next object by themselves, on the store's threads.
class RawCopy : public std::enable_shared_from_this<RawCopy> {
 public:
  RawCopy(LogAddress from, LogAddress to, std::vector<std::string> keys)
      : from_(std::move(from)), to_(std::move(to)), keys_(std::move(keys)) {}

  Result<void> run(std::uint32_t in_flight) {
    for (std::uint32_t i = 0; i < in_flight; ++i) next();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return under_way_ == 0 && (next_ == keys_.size() || error_); });
    return error_ ? Result<void>(*error_) : Result<void>();
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  void next() {
    std::string key;
    {
      const std::lock_guard lock(mutex_);
      if (next_ == keys_.size() || error_) return;
      key = keys_[next_++];
      ++under_way_;
    }
    from_.store->get(key, {}, [self = shared_from_this(), key](Result<Bytes> object) {
      if (!object) return self->done(object.error());
      const std::uint64_t bytes = object->data.size();
      const std::string copy = self->to_.path + key.substr(self->from_.path.size());
      self->to_.store->put_if_absent(copy, *std::move(object), [self, bytes](const Result<void>& put) {
        if (!put) return self->done(put.error());
        {
          const std::lock_guard lock(self->mutex_);
          self->bytes_ += bytes;
        }
        self->done(std::nullopt);
      });
    });
  }

  void done(std::optional<Error> error) {
    if (!error) next();
    const std::lock_guard lock(mutex_);
    --under_way_;
    if (error) error_ = std::move(error);
    changed_.notify_all();
  }

  const LogAddress from_;
  const LogAddress to_;
  const std::vector<std::string> keys_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  std::uint64_t bytes_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<Figures> mirror_once(const WrittenLog& log, std::shared_ptr<Store> store,
                            const MirrorOptions& options) {
  const Scratch scratch(std::move(store));
  forget_peak_memory();
  const double cpu_before = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  auto mirror = Mirror::open(log.address(), scratch.log(), options);
  if (!mirror) return mirror.error();
  if (const auto copied = (*mirror)->catch_up(); !copied) return copied.error();
  Figures figures;
  figures.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  figures.cpu_seconds = cpu_seconds() - cpu_before;
  figures.peak_memory_bytes = peak_memory_bytes();
  figures.records = (*mirror)->status().objects;
  figures.bytes = (*mirror)->status().object_bytes;
  figures.use = scratch.witness()->use();
  if ((*mirror)->status().copied_offset != log.written().records) {
    return Error(Code::corruption, "not all records were mirrored");
  }
  return figures;
}

Result<Figures> copy_raw(const WrittenLog& log, std::shared_ptr<Store> store, std::uint32_t in_flight) {
  const Scratch scratch(std::move(store));
  std::vector<std::string> keys;
  for (const Upload& upload : log.written().uploads) keys.push_back(upload.key);
  const double cpu_before = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  Figures figures;
  figures.records = keys.size();
  const auto copy = std::make_shared<RawCopy>(log.address(), scratch.log(), std::move(keys));
  if (const auto done = copy->run(in_flight); !done) return done.error();
  figures.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  figures.cpu_seconds = cpu_seconds() - cpu_before;
  figures.bytes = copy->bytes();
  return figures;
}

}  // namespace varve::bench
