// Drives the uploads of one writer: tells its core what came (events, batches, time), and carries out what
// that decides. The decisions are in protocol/writer_core.h; records are collected in batching/.
//
// `step` never waits for the store: few threads step the loops of many writers (writer_threads.h).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "append/acknowledger.h"
#include "append/batch_signals.h"
#include "append/batching/batch_pool.h"
#include "append/compression/compression_stage.h"
#include "append/event_queue.h"
#include "append/event_reporter.h"
#include "append/life_cycle.h"
#include "append/published_state.h"
#include "append/standby.h"
#include "append/upload_metrics.h"
#include "append/watermark.h"
#include "append/writer_threads.h"
#include "log/log_store.h"
#include "protocol/writer_core.h"

namespace varve::append {

struct UploadLoopOptions {
  std::size_t batch_bytes;
  std::size_t buffered_bytes_max;
  protocol::AppenderOptions appender;
  protocol::Pacing pacing;
  EventCallback on_event = {};
  Compression compression = Compression::none;
  int compression_level = 0;
  protocol::SinkOptions standby = {};
};

class UploadLoop final : public base::Executor::Task, public std::enable_shared_from_this<UploadLoop> {
 public:
  /// `standby`: null if there is none.
  UploadLoop(log::LogStore log_store, const protocol::Ownership& ownership, const UploadLoopOptions& options,
             std::unique_ptr<Standby> standby = nullptr);
  ~UploadLoop() override;

  /// Begins, on threads that hold the loop until it has ended. Throws when there is no memory, or no thread.
  void start(WriterThreads& threads);
  /// Returns when it has ended and no thread holds it. Not in a callback.
  void join();

  // Any thread.

  [[nodiscard]] BatchPool& pool() { return *pool_; }
  [[nodiscard]] const Watermark& watermark() const { return watermark_; }
  [[nodiscard]] const LifeCycle& life() const { return life_; }
  [[nodiscard]] WriterStatus status() const;
  [[nodiscard]] WriterMetrics metrics() const;
  /// False: the loop has ended, and nothing has happened.
  bool post(LoopEvent&& event) { return events_->post(std::move(event)); }
  /// Likewise, for a destructor: it needs no memory.
  bool post_close(log::Deadline deadline) noexcept { return events_->post_close(deadline); }
  /// Whether the calling thread runs a callback of this writer: of an append, or of an event.
  [[nodiscard]] bool in_callback() const;

  /// Does what is to be done now.
  base::Executor::Next step() override;

 private:
  struct Flight {
    Batch* batch = nullptr;  // null for an object without records
    Bytes object;
    Offset end_offset = 0;
    UploadTimeline timeline = {};
    CompressionJob job = {};
    bool unanswered = true;
  };

  void hear(std::vector<LoopEvent> events, protocol::Now now);
  void on_event(PutAnswered& event, protocol::Now now);
  void on_event(LookAnswered& event, protocol::Now now);
  void on_event(CheckpointAnswered& event, protocol::Now now);
  void on_event(RequestAnswered& event, protocol::Now now);
  void on_event(FlushCommand& event, protocol::Now now);
  void on_event(TrimCommand& event, protocol::Now now);
  void on_event(CloseCommand& event, protocol::Now now);

  void upload(protocol::Now now);
  void prepare_batches();
  [[nodiscard]] protocol::Supply supply();
  void submit_ready(protocol::Now now);
  void submit_empty(bool closing, protocol::Now now);
  void depart(Flight flight, const format::Header& header);
  [[nodiscard]] bool drained() { return pool_->drained() && (!compression_ || compression_->empty()); }

  void carry_out_commands(protocol::Now now);
  void carry_out(const protocol::WriterCommand& command);
  void put(Seq seq);
  void put_checkpoint();
  void hand_over(Seq seq);
  void acknowledge(Seq seq);
  void answered(Flight& flight);
  void report_trims();

  void fail_the_rest();
  void wind_down(protocol::Now now);
  void end();
  [[nodiscard]] base::TimePoint next_wake() const;
  void publish();

  log::LogStore log_store_;
  protocol::WriterCore core_;
  EventReporter reporter_;
  UploadMetrics metrics_;
  const std::shared_ptr<EventQueue> events_ = std::make_shared<EventQueue>();
  BatchSignals signals_;
  const std::shared_ptr<BatchPool> pool_;
  Watermark watermark_;
  std::unique_ptr<CompressionStage> compression_;  // null if batches go as they are
  std::map<Seq, Flight> flights_;
  std::unique_ptr<Standby> standby_;  // null if there is none, or it has ended
  std::map<std::uint64_t, std::shared_ptr<CallResult<TrimReport>>> trims_;  // under way, by their numbers
  PublishedState state_;
  LifeCycle life_;
  const std::shared_ptr<Acknowledger> acknowledger_;
};

}  // namespace varve::append
