// The textbook's writer: one lock around one buffer.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/mapped_memory.h"
#include "bench/contestant.h"
#include "format/key.h"
#include "format/records.h"

namespace varve::bench {

namespace {

class MutexWriter final : public Contestant {
 public:
  MutexWriter(LogAddress log, const WriterOptions& options)
      : log_(std::move(log)), options_(options), uploader_([this] { upload(); }) {}
  ~MutexWriter() override { static_cast<void>(finish()); }

  Result<void> append(std::span<const std::span<const std::byte>> records, bool /*reserve*/,
                      AppendCallback told) override {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return queue_.size() + in_flight_.size() < most_; });
    for (const auto& record : records) {
      const std::size_t stored = format::stored_bytes(record.size());
      if (filling_->used + stored > filling_->capacity) hand_over();
      format::write_record(filling_->bytes.get() + filling_->used, record, next_++);
      filling_->used += stored;
    }
    filling_->told.emplace_back(next_ - records.size(), told);
    if (queue_.empty() && in_flight_.empty()) hand_over();
    return {};
  }

  Result<void> finish() override {
    {
      const std::lock_guard lock(mutex_);
      if (!filling_->told.empty()) hand_over();
      finishing_ = true;
      work_.notify_all();
    }
    if (uploader_.joinable()) uploader_.join();
    return failure_ ? Result<void>(*failure_) : Result<void>();
  }

 private:
  struct Buffer {
    Buffer(object_store::BodyMemory& memory, std::size_t room) : capacity(room), bytes(memory.take(room)) {}
    std::size_t capacity;
    std::size_t used = 0;
    std::shared_ptr<std::byte[]> bytes;
    std::vector<std::pair<Offset, AppendCallback>> told;
    bool landed = false;
  };

  void hand_over() {
    queue_.push_back(std::move(filling_));
    filling_ = std::make_shared<Buffer>(*memory_, options_.batch_bytes);
    work_.notify_all();
  }

  // Puts what is queued, up to a window's worth at once; tells in order.
  void upload() {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_.wait(lock, [this] {
        return !queue_.empty() || (!in_flight_.empty() && in_flight_.front()->landed) ||
               (finishing_ && in_flight_.empty());
      });
      if (queue_.empty() && in_flight_.empty()) return;
      while (!queue_.empty()) {
        std::shared_ptr<Buffer> buffer = std::move(queue_.front());
        queue_.pop_front();
        in_flight_.push_back(buffer);
        const std::string key = format::wal_key(log_.path + "-mutex", next_key_++);
        lock.unlock();
        log_.store->put(key, {{buffer->bytes.get(), buffer->used}, buffer},
                        [this, buffer](const Result<void>& stored) {
                          const std::lock_guard landed_lock(mutex_);
                          if (!stored) failure_ = stored.error();
                          buffer->landed = true;
                          work_.notify_all();
                        });
        lock.lock();
      }
      while (!in_flight_.empty() && in_flight_.front()->landed) {
        const std::shared_ptr<Buffer> buffer = std::move(in_flight_.front());
        in_flight_.pop_front();
        room_.notify_all();
        lock.unlock();
        for (auto& [offset, told] : buffer->told) told(Result<Offset>(offset));
        lock.lock();
      }
    }
  }

  LogAddress log_;
  WriterOptions options_;
  const std::size_t most_ =
      std::clamp<std::size_t>(options_.buffered_bytes_max / options_.batch_bytes, 1, options_.window);
  std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable work_;
  // As good as the writer's own: what is compared is how threads share it.
  std::shared_ptr<object_store::BodyMemory> memory_ =
      object_store::BodyMemory::create(options_.buffered_bytes_max);
  std::shared_ptr<Buffer> filling_ = std::make_shared<Buffer>(*memory_, options_.batch_bytes);
  std::deque<std::shared_ptr<Buffer>> queue_;
  std::deque<std::shared_ptr<Buffer>> in_flight_;
  Offset next_ = 0;
  Seq next_key_ = 0;
  bool finishing_ = false;
  std::optional<Error> failure_;
  std::thread uploader_;
};

}  // namespace

std::unique_ptr<Contestant> make_mutex(const LogAddress& log, const WriterOptions& options) {
  return std::make_unique<MutexWriter>(log, options);
}

}  // namespace varve::bench
