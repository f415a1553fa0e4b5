// The thread that drives uploads: takes complete batches, lets the chain's appender decide, carries
// its commands to the store, and the store's answers back to it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "append/acknowledger.h"
#include "append/batching/batch_pool.h"
#include "append/compression/compressor.h"
#include "append/compression/cost_model.h"
#include "append/event_queue.h"
#include "append/event_reporter.h"
#include "append/pacing.h"
#include "append/replica_tracker.h"
#include "append/trimming.h"
#include "append/upload_metrics.h"
#include "append/watermark.h"
#include "base/condition.h"
#include "base/thread.h"
#include "log/log_store.h"
#include "protocol/appender.h"

namespace varve::append {

struct UploadLoopOptions {
  std::size_t batch_bytes;
  std::size_t buffered_bytes_max;
  protocol::AppenderOptions appender;
  Pacing pacing;
  EventCallback on_event = {};
  Compression compression = Compression::none;
  int compression_level = 0;
  protocol::CommitRuleOptions commit_rule = {};
};

class UploadLoop final : public BatchListener {
 public:
  /// `second`: null if there is none.
  UploadLoop(log::LogStore log_store, const protocol::Ownership& ownership, const UploadLoopOptions& options,
             std::unique_ptr<Second> second = nullptr);
  ~UploadLoop();
  UploadLoop(const UploadLoop&) = delete;
  UploadLoop& operator=(const UploadLoop&) = delete;

  [[nodiscard]] BatchPool& pool() { return *pool_; }
  [[nodiscard]] const Watermark& watermark() const { return watermark_; }
  [[nodiscard]] WriterStatus status() const;
  [[nodiscard]] WriterMetrics metrics() const;

  /// Wishes; see mailbox.h. The outcome shows in the watermark, a trim's in its promise.
  void wish(Letter&& event) { event_queue_->post(std::move(event)); }

  /// Waits until the writer has ended and all callbacks were told; after `deadline` it is abandoned,
  /// and ends for that. Not from a callback.
  void finish(std::chrono::steady_clock::time_point deadline);

  // BatchListener
  void first_record() noexcept override;
  void batch_ready() noexcept override;
  std::int64_t now_unix_ms() noexcept override;

 private:
  struct Flight {
    Batch* batch = nullptr;  // null for an object without records
    Bytes object;
    Offset end_offset = 0;
    bool at_first = false;  // stored, with all before it, and waits for the second
    UploadTimeline course = {};
    Order order = {};         // to the compressor
    bool on_the_line = true;  // nothing has been heard of it yet
  };

  void run();
  void hear(std::vector<Letter> events);
  void hear_one(PutAnswered& event);
  void hear_one(Looked& event);
  void hear_one(CheckpointAnswered& event);
  void hear_one(SweepAnswered& event);
  void hear_one(FlushWish& event);
  void hear_one(TrimWish& event);
  void hear_one(StopTrimWish& event);
  void hear_one(CloseWish& event);
  void hear_one(AbandonWish& event);

  void begin_trim(TrimWish wish);
  void stop_trimming(const Error& reason);

  void submit_ready();
  void submit_compressed();
  void hand_to_compressor(Batch& batch);
  void submit_from(const Compressed& compressed);
  void arrived(Flight& flight);
  void submit(Batch* batch, const Compressed* compressed = nullptr);
  std::span<std::byte, format::header_bytes> lay_out(Batch& batch, const Compressed* compressed,
                                                     protocol::BatchShape& shape);
  [[nodiscard]] bool nothing_taken() const { return !compressor_ || compressor_->empty(); }
  [[nodiscard]] Offset taken_end() const { return compressor_ ? taken_end_ : appender_.end_offset(); }
  [[nodiscard]] bool line_is_full() { return cost_model_ && cost_model_->line().full(); }
  [[nodiscard]] bool drained() { return pool_->drained() && nothing_taken(); }
  void submit_empty_if_wanted();
  void close_active_if_due();
  void carry_out_commands();
  void carry_out(const protocol::Command& command);
  void stored_at_first(Seq seq);
  void acknowledge(Flight flight);
  void attend_second();
  void send_sweep(protocol::Requests requests);
  void drop(const std::vector<protocol::ListedSeq>& leftovers);
  void fail_the_rest();
  void publish();
  void finish_if_closed();
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> next_wake() const;
  [[nodiscard]] std::uint64_t now_ms() const;

  const std::size_t batch_bytes_;
  log::LogStore log_store_;
  protocol::Appender appender_;
  EventReporter event_reporter_;
  UploadMetrics upload_metrics_;
  std::uint64_t cut_objects_;
  Trimming trimming_;
  std::optional<TrimWish> waiting_trim_;  // until the second has said how far it is
  Pacing pacing_;
  std::shared_ptr<EventQueue> event_queue_ = std::make_shared<EventQueue>();
  std::shared_ptr<BatchPool> pool_;
  Watermark watermark_;
  format::Packing packing_;
  std::unique_ptr<Compressor> compressor_;  // null if batches go as they are
  std::optional<CostModel> cost_model_;     // if it is to choose
  Offset taken_end_;                        // of what the compressor was given
  std::map<Seq, Flight> flights_;
  Seq sweep_from_;
  std::unique_ptr<ReplicaTracker> replica_tracker_;  // null without a second store
  Offset flush_below_ = 0;
  bool closing_ = false;
  std::optional<std::uint64_t> leave_at_ms_;  // all is stored; only a hint is outstanding
  bool finished_ = false;
  std::optional<std::uint64_t> active_due_ms_;
  std::atomic<std::uint64_t> first_record_ms_{0};
  std::uint64_t objects_acknowledged_ = 0;
  std::atomic<std::uint64_t> times_alone_{0};

  mutable std::mutex status_mutex_;
  WriterStatus status_;

  std::mutex finished_mutex_;
  base::Condition finished_changed_;
  bool is_finished_ = false;

  std::unique_ptr<Acknowledger> acknowledger_;
  base::Thread thread_;
};

}  // namespace varve::append
