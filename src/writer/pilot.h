// The thread that drives uploads: takes complete batches, lets the chain's appender decide, carries
// its commands to the store, and the store's answers back to it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "chain/appender.h"
#include "courier/courier.h"
#include "writer/acknowledger.h"
#include "writer/announcer.h"
#include "writer/batch_pool.h"
#include "writer/compressor.h"
#include "writer/economy.h"
#include "writer/mailbox.h"
#include "writer/pacing.h"
#include "writer/pairing.h"
#include "writer/stages.h"
#include "writer/trimming.h"
#include "writer/watermark.h"

namespace varve::writer {

struct PilotOptions {
  std::size_t batch_bytes;
  std::size_t buffered_bytes_max;
  chain::AppenderOptions appender;
  Pacing pacing;
  EventCallback on_event = {};
  Compression compression = Compression::none;
  int compression_level = 0;
  chain::TwoStoresOptions two_stores = {};
};

class Pilot final : public BatchListener {
 public:
  /// `second`: null if there is none.
  Pilot(courier::Courier courier, const chain::Ownership& ownership, const PilotOptions& options,
        std::unique_ptr<Second> second = nullptr);
  ~Pilot();
  Pilot(const Pilot&) = delete;
  Pilot& operator=(const Pilot&) = delete;

  [[nodiscard]] BatchPool& pool() { return *pool_; }
  [[nodiscard]] const Watermark& watermark() const { return watermark_; }
  [[nodiscard]] WriterStatus status() const;
  [[nodiscard]] WriterMetrics metrics() const;

  /// Wishes; see mailbox.h. The outcome shows in the watermark, a trim's in its promise.
  void wish(Letter&& letter) { mailbox_->post(std::move(letter)); }

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
    Course course = {};
    Order order = {};         // to the compressor
    bool on_the_line = true;  // nothing has been heard of it yet
  };

  void run();
  void hear(std::vector<Letter> letters);
  void hear_one(PutAnswered& letter);
  void hear_one(Looked& letter);
  void hear_one(CheckpointAnswered& letter);
  void hear_one(SweepAnswered& letter);
  void hear_one(FlushWish& letter);
  void hear_one(TrimWish& letter);
  void hear_one(StopTrimWish& letter);
  void hear_one(CloseWish& letter);
  void hear_one(AbandonWish& letter);

  void begin_trim(TrimWish wish);
  void stop_trimming(const Error& reason);

  void submit_ready();
  void submit_compressed();
  void hand_to_compressor(Batch& batch);
  void submit_from(const Compressed& compressed);
  void arrived(Flight& flight);
  void submit(Batch* batch, const Compressed* compressed = nullptr);
  std::span<std::byte, format::header_bytes> lay_out(Batch& batch, const Compressed* compressed,
                                                     chain::BatchShape& shape);
  [[nodiscard]] bool nothing_taken() const { return !compressor_ || compressor_->empty(); }
  [[nodiscard]] Offset taken_end() const { return compressor_ ? taken_end_ : appender_.end_offset(); }
  [[nodiscard]] bool line_is_full() { return economy_ && economy_->line().full(); }
  [[nodiscard]] bool drained() { return pool_->drained() && nothing_taken(); }
  void submit_empty_if_wanted();
  void close_active_if_due();
  void carry_out_commands();
  void carry_out(const chain::Command& command);
  void stored_at_first(Seq seq);
  void acknowledge(Flight flight);
  void attend_second();
  void send_sweep(chain::Requests requests);
  void drop(const std::vector<chain::ListedSeq>& leftovers);
  void fail_the_rest();
  void publish();
  void finish_if_closed();
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> next_wake() const;
  [[nodiscard]] std::uint64_t now_ms() const;

  const std::size_t batch_bytes_;
  courier::Courier courier_;
  chain::Appender appender_;
  Announcer announcer_;
  Stages stages_;
  std::uint64_t cut_objects_;
  Trimming trimming_;
  std::optional<TrimWish> waiting_trim_;  // until the second has said how far it is
  Pacing pacing_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::shared_ptr<BatchPool> pool_;
  Watermark watermark_;
  format::Packing packing_;
  std::unique_ptr<Compressor> compressor_;  // null if batches go as they are
  std::optional<Economy> economy_;          // if it is to choose
  Offset taken_end_;                        // of what the compressor was given
  std::map<Seq, Flight> flights_;
  Seq sweep_from_;
  std::unique_ptr<Pairing> pairing_;  // null without a second store
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
  std::condition_variable finished_changed_;
  bool is_finished_ = false;

  std::unique_ptr<Acknowledger> acknowledger_;
  std::thread thread_;
};

}  // namespace varve::writer
