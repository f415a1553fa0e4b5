// A writer's decisions, all of them: when a batch closes and what is submitted next, what may be
// acknowledged, trims, closing, giving up. No I/O, threads or clock; it holds no records. Who drives it
//
//   - tells what came: `on_*`, `tick`, and the orders of the writer's callers;
//   - asks `next` what to submit, for as long as that is something;
//   - carries out `take_commands` and `take_requests`, in order, and brings the answers back;
//   - ends when `finished` says so. Once there is an `ending`, nothing more is acknowledged: `fate_of` says
//   what
//     became of each object.
//
// A value: copies go their own ways (the model checker makes some).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/appender.h"
#include "protocol/pacing.h"
#include "protocol/replica_tracker.h"
#include "protocol/trim.h"

namespace varve::protocol {

struct WriterCoreOptions {
  AppenderOptions appender = {};
  Pacing pacing = Pacing(0, 1, 0);
  std::vector<Replica> replicas = {};
};

/// The time: of any monotonic clock, and of the calendar.
struct Now {
  std::uint64_t ms = 0;
  std::int64_t unix_ms = 0;
};

/// What there is to be submitted.
struct Supply {
  bool ready = false;       ///< the next batch is closed, complete and prepared: it can go
  bool closed = false;      ///< a batch is closed, and not complete or not taken for preparation yet
  bool preparing = false;   ///< batches are being prepared (compressed)
  bool accepts = true;      ///< another batch could be prepared, or sent, now
  bool collecting = false;  ///< the open batch has records
  std::uint64_t first_record_ms = 0;  ///< when its first came
  Offset open_begins_at = 0;          ///< offset of the first record that is not in a closed batch
  bool drained = false;               ///< nothing more will come, ever
};

/// What to do next.
struct NextStep {
  enum class Kind : std::uint8_t {
    wait,          ///< nothing now
    close_batch,   ///< close the open batch, though it is not full
    submit_batch,  ///< `submit` the batch that is ready
    submit_empty,  ///< `submit` an object without records
  };
  Kind kind = Kind::wait;
  bool closing = false;  ///< for `BatchShape::closing`
};

struct WriterCommand {
  enum class Kind : std::uint8_t {
    put,              ///< create object `seq` if absent, then `on_put`
    look,             ///< read the header at `seq`, then `on_look`
    checkpoint,       ///< write `checkpoint()`, then `on_checkpoint`
    acknowledge,      ///< `seq` and its records are durable: tell their appenders, then forget its bytes
    hand_from,        ///< to standby `replica`, as `ReplicaCommand`
    hand,             ///< likewise: `seq`, before it is acknowledged
    let_go,           ///< likewise
    want_checkpoint,  ///< likewise
  };
  Kind kind;
  Seq seq = 0;
  std::size_t replica = 0;

  friend bool operator==(const WriterCommand&, const WriterCommand&) = default;
};

/// What a call is told that `ending` made impossible: it has had no effect.
[[nodiscard]] Error refusal_for(const Error& ending);

class WriterCore {
 public:
  WriterCore(const Ownership& ownership, WriterCoreOptions options, Now now);

  // Submitting. ------------------------------------------------------------------------------

  [[nodiscard]] NextStep next(const Supply& supply, Now now);
  /// Gives what `next` named its place; returns the header to lay at its front. Its first offset is
  /// `appender().end_offset()` from before the call.
  format::Header submit(const BatchShape& batch, Now now);

  // What the writer's callers order. -------------------------------------------------------------

  /// Everything below `offset` goes without waiting for company.
  void flush(Offset offset) { flush_below_ = std::max(flush_below_, offset); }
  /// One after another. Each gets a result, by `take_trim_results`, with its number.
  void trim(const TrimOrder& order, Now now);
  /// Nothing more is appended: the rest is submitted, the last object marked as the end. What is not stored
  /// at `deadline_ms` (0: none) is abandoned. The earliest deadline counts.
  void close(std::uint64_t deadline_ms, Now now);
  /// Ends it at once.
  void abandon(const Error& reason, Now now);

  // What was answered. ----------------------------------------------------------------------------

  void on_put(Seq seq, const std::optional<Error>& error, Now now);
  /// `sealed_by`: who sealed, if a seal was found that says so.
  void on_look(Seq seq, const Result<format::Header>& found, std::string_view sealed_by, Now now);
  void on_checkpoint(bool stored, Now now);
  /// A request of `take_requests`. Late replies are passed over.
  void on_reply(std::uint64_t ticket, const Reply& reply, Now now);
  void on_replica(std::size_t replica, ReplicaProgress progress, Now now);
  void tick(Now now);
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const;

  // What is to be done since the last call, in order. ------------------------------------------------

  [[nodiscard]] std::vector<WriterCommand> take_commands() { return std::exchange(commands_, {}); }
  [[nodiscard]] std::vector<PendingRequests::Ticketed> take_requests(Now now);
  using TrimDone = std::pair<std::uint64_t, Result<TrimResult>>;
  [[nodiscard]] std::vector<TrimDone> take_trim_results() { return std::exchange(trim_results_, {}); }

  // State. -----------------------------------------------------------------------------------------

  /// Why nothing will be acknowledged any more.
  [[nodiscard]] const std::optional<Error>& ending() const { return appender_.ending(); }
  /// After the ending: what became of the unacknowledged object `seq`; and of batches never submitted.
  [[nodiscard]] Error fate_of(Seq seq) const;
  [[nodiscard]] Error fate_of_unsent() const { return appender_.fate_of_unsent(); }
  /// Nothing is left to do but to tell. `drained`: as in `Supply`.
  [[nodiscard]] bool finished(bool drained, Now now) const;
  [[nodiscard]] bool closing() const { return closing_.ordered; }
  [[nodiscard]] bool all_acknowledged() const { return appender_.in_flight() == 0 && !replicas_.waiting(); }

  [[nodiscard]] const Appender& appender() const { return appender_; }
  [[nodiscard]] const ReplicaTracker& replicas() const { return replicas_; }
  [[nodiscard]] format::Checkpoint checkpoint() const { return appender_.checkpoint(); }
  /// The trim that is under way, if one is.
  [[nodiscard]] const std::optional<Trim>& trim() const { return trim_; }
  /// Trims or deletions are under way.
  [[nodiscard]] bool trimming() const { return trim_ || leftovers_ || !waiting_trims_.empty(); }

 private:
  void drop(const std::vector<ListedSeq>& leftovers);
  void settle(Now now);
  void pass_on_appender_commands(Now now);
  void pass_on_replica_commands();
  void end_trims(const Error& reason, Now now);
  void attend_trims(Now now);
  void end_trim();
  [[nodiscard]] TrimContext context(Now now) {
    return {.appender = appender_, .replicas = replicas_, .now_ms = now.ms, .now_unix_ms = now.unix_ms};
  }

  Appender appender_;
  Pacing pacing_;
  ReplicaTracker replicas_;
  std::deque<std::pair<Seq, Offset>> unstored_;  // submitted: where each ends
  std::optional<Trim> leftovers_;                // of an earlier writer
  std::optional<Trim> trim_;
  std::deque<TrimOrder> waiting_trims_;  // one for each caller that waits
  std::uint64_t next_ticket_ = 1;
  Offset flush_below_ = 0;
  struct Closing {
    bool ordered = false;
    std::optional<std::uint64_t> by_ms = {};        // what is not stored then is given up
    std::optional<std::uint64_t> leave_at_ms = {};  // all is stored; only a hint is outstanding
  };
  Closing closing_;
  std::optional<std::uint64_t> batch_due_ms_;
  std::vector<WriterCommand> commands_;
  std::vector<TrimDone> trim_results_;
  std::vector<PendingRequests::Ticketed> unheeded_;  // whose replies nobody waits for
};

}  // namespace varve::protocol
