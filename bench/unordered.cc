// What order costs is what this does not pay. It is made of the writer's own parts, batches, headers and
// callbacks, but acknowledges what lands when it lands, and never waits for an object before it. What it
// stores is a sound log; only its acknowledgements say nothing about what a crash would leave.
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "append/acknowledger.h"
#include "append/batching/batch_pool.h"
#include "append/opening.h"
#include "append/writer_threads.h"
#include "base/clock.h"
#include "bench/contestant.h"
#include "log/log_store.h"
#include "log/system.h"
#include "protocol/appender.h"

namespace varve::bench {

namespace {

using append::Batch;

class UnorderedWriter final : public Contestant, private append::BatchListener {
 public:
  UnorderedWriter(log::LogStore log_store, const protocol::Ownership& ownership, const WriterOptions& options)
      : log_store_(std::move(log_store)),
        in_flight_max_(uploads_at_once(options)),
        appender_(ownership, {}),
        pool_(append::BatchPool::create({.batch_bytes = options.batch_bytes,
                                         .buffered_bytes_max = options.buffered_bytes_max,
                                         .window = options.window,
                                         .first_offset = ownership.next.offset},
                                        *this)),
        acknowledger_(std::make_shared<append::Acknowledger>(pool_)) {
    threads_->callbacks.add(acknowledger_);
    uploader_ = std::thread([this] { upload(); });
  }
  ~UnorderedWriter() override { static_cast<void>(finish()); }

  Result<void> append(std::span<const std::span<const std::byte>> records, bool /*reserve*/,
                      AppendCallback told) override {
    for (;;) {
      const std::uint64_t turn = pool_->room_turn();
      const Result<Offset> appended =
          records.size() == 1 ? pool_->append(records.front(), told) : pool_->append_batch(records, told);
      if (appended) return {};
      if (appended.error().code() != Code::over_capacity) return appended.error();
      pool_->wait_for_room(turn, std::chrono::steady_clock::time_point::max());
    }
  }

  Result<void> finish() override {
    pool_->stop(Error(Code::closed, "the run is over"));
    wake();
    if (uploader_.joinable()) uploader_.join();
    acknowledger_->no_more();
    acknowledger_->wait_until_let_go();
    return failure_ ? Result<void>(*failure_) : Result<void>();
  }

 private:
  struct Landed {
    Seq seq;
    std::optional<Error> error;
  };

  void first_record() noexcept override { wake(); }
  void batch_ready() noexcept override { wake(); }
  std::int64_t now_unix_ms() noexcept override { return base::unix_ms(); }

  void wake() {
    const std::lock_guard lock(mutex_);
    awake_ = true;
    changed_.notify_one();
  }

  void upload() {
    while (!pool_->drained() || !flights_.empty()) {
      std::vector<Landed> landed;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return awake_; });
        awake_ = false;
        landed.swap(landed_);
      }
      for (const Landed& one : landed) {
        if (one.error && !failure_) failure_ = one.error;
        appender_.on_put(one.seq, one.error, 0);
        acknowledger_->ended(*flights_.extract(one.seq).mapped(), one.error);
      }
      static_cast<void>(appender_.take_commands());
      if (flights_.empty()) pool_->close_active();
      while (flights_.size() < in_flight_max_ && appender_.can_submit()) {
        Batch* const batch = pool_->take_ready();
        if (batch == nullptr) break;
        submit(*batch);
      }
    }
  }

  void submit(Batch& batch) {
    format::encode_trailer(batch.index(), batch.trailer());
    const format::Header header = appender_.submit({.record_count = batch.records(),
                                                    .body_end = batch.body_end(),
                                                    .object_bytes = batch.object_bytes(),
                                                    .first_append_unix_ms = batch.first_append_unix_ms()},
                                                   base::unix_ms(), 0);
    format::encode_header(header, batch.header());
    flights_.emplace(header.seq, &batch);
    log_store_.put_object(header.seq, pool_->share(batch, batch.object_bytes()),
                          [this, seq = header.seq](const Result<void>& stored) {
                            const std::lock_guard lock(mutex_);
                            landed_.push_back({seq, stored ? std::nullopt : std::optional(stored.error())});
                            awake_ = true;
                            changed_.notify_one();
                          });
  }

  log::LogStore log_store_;
  const std::uint32_t in_flight_max_;
  protocol::Appender appender_;
  std::map<Seq, Batch*> flights_;
  std::optional<Error> failure_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool awake_ = false;
  std::vector<Landed> landed_;
  std::shared_ptr<append::BatchPool> pool_;
  const std::shared_ptr<append::WriterThreads> threads_ = append::WriterThreads::shared();
  const std::shared_ptr<append::Acknowledger> acknowledger_;
  std::thread uploader_;
};

}  // namespace

Result<std::unique_ptr<Contestant>> make_unordered(const LogAddress& log, const WriterOptions& options) {
  const log::LogStore log_store(log);
  // The log's own window must never hold an upload back: as wide as there is.
  WriterOptions wide = options;
  wide.window = format::max_window;
  const Result<protocol::Ownership> ownership = append::take_over(log_store, wide);
  if (!ownership) return ownership.error();
  return std::unique_ptr<Contestant>(std::make_unique<UnorderedWriter>(log_store, *ownership, options));
}

}  // namespace varve::bench
