// The writer's side of the protocol: gives each batch its place, follows its upload through every
// answer a store can give, acknowledges in order, and knows when the log has been lost to another.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "format/checkpoint.h"
#include "protocol/position.h"
#include "protocol/request.h"
#include "protocol/retry.h"
#include "protocol/takeover.h"
#include "protocol/window.h"

namespace varve::protocol {

struct AppenderOptions {
  std::uint32_t give_up_ms = 120'000;            ///< for one object; 0: never
  std::uint32_t checkpoint_every_objects = 512;  ///< 0: only when asked
  std::uint32_t uploads_max = 0;                 ///< under way at once; 0: as many as the window holds
  RetryOptions retry;
  std::uint64_t jitter_seed = 1;
};

/// One batch as the appender sees it.
struct BatchShape {
  std::uint32_t record_count = 0;
  std::uint64_t body_end = format::header_bytes;
  std::uint64_t object_bytes = 0;
  std::int64_t first_append_unix_ms = 0;
  bool closing = false;  ///< the last of this writer
  format::Codec codec = format::Codec::none;
  std::uint32_t block_log2 = 0;  ///< as in the header; 0 if it is not compressed
  std::uint64_t packed_end = 0;
};

/// What the driver is to do. Puts refer to objects by seq: the driver holds their bytes.
struct Command {
  enum class Kind : std::uint8_t {
    put,          ///< create object `seq` if absent, then `on_put`
    look,         ///< read the header at `seq`, then `on_look`
    acknowledge,  ///< `seq` and its records are durable: tell their appenders, then forget its bytes
    checkpoint,   ///< write `Appender::checkpoint()`, then `on_checkpoint`
  };
  Kind kind;
  Seq seq = 0;

  friend bool operator==(const Command&, const Command&) = default;
};

class Appender {
 public:
  Appender(const Ownership& ownership, AppenderOptions options);

  // Submitting. ------------------------------------------------------------------------------

  /// Room in the window and among the uploads, not closing, not ended.
  [[nodiscard]] bool can_submit() const;
  /// Gives `batch` the next place; returns the header to lay at its front. A `put` command follows.
  /// Its first offset is `end_offset()` from before the call.
  format::Header submit(const BatchShape& batch, std::int64_t now_unix_ms, std::uint64_t now_ms);

  // What the store answered. Times are of any monotonic clock. ---------------------------------

  void on_put(Seq seq, const std::optional<Error>& error, std::uint64_t now_ms);
  /// `sealed_by`: who sealed, if a seal was found that says so.
  void on_look(Seq seq, const Result<format::Header>& found, std::uint64_t now_ms,
               std::string_view sealed_by = {});
  void on_checkpoint(bool stored);
  /// Time has come to `now_ms`: due retries go out, too old uploads make the writer give up.
  void tick(std::uint64_t now_ms);
  /// When `tick` is wanted next; nothing if no time matters.
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const;

  /// What is to be done since the last call, in order.
  [[nodiscard]] std::vector<Command> take_commands();

  // Trimming. ----------------------------------------------------------------------------------

  /// From the next object on, headers say that the log begins at `before`, whose object is
  /// `lowest_live` (at most the newest acknowledged one is kept to). The caller has checked
  /// `start_offset() <= before <= durable_offset()`.
  void begin_trim(Offset before, Seq lowest_live);
  /// A trim waits for an object to carry it: submit one, empty if need be.
  [[nodiscard]] bool trim_wants_object() const { return trim_pending_; }
  /// The lowest live seq that is durable: below it the store may be swept.
  [[nodiscard]] Seq durable_lowest_live() const { return durable_lowest_live_; }
  [[nodiscard]] Offset durable_start_offset() const { return durable_start_offset_; }
  void swept(Seq below) { swept_below_ = below; }

  /// Ends the writer from outside (its time to close is over).
  void abandon(Error error) { end(std::move(error)); }

  // State. -------------------------------------------------------------------------------------

  [[nodiscard]] Offset start_offset() const { return start_offset_; }
  [[nodiscard]] Offset durable_offset() const { return durable_offset_; }
  [[nodiscard]] Offset end_offset() const { return next_.offset; }
  [[nodiscard]] Seq epoch() const { return next_.epoch; }
  /// An object that is stored, and the newest of which that is known.
  [[nodiscard]] Seq newest_stored() const {
    return durable_seq_ > epoch() + window() ? durable_seq_ - 1 : epoch();
  }
  [[nodiscard]] std::uint32_t window() const { return next_.window; }
  /// Submitted and not acknowledged; what has landed behind a slower one included.
  [[nodiscard]] std::uint32_t in_flight() const { return window_.in_flight(); }
  /// Of those, not landed either.
  [[nodiscard]] std::uint32_t uploading() const { return uploading_; }
  /// The lowest place in flight failed at least once and is tried again, or is in flight for long.
  [[nodiscard]] bool waiting_for_store() const;
  /// What the store said last about that place, if it said anything.
  [[nodiscard]] std::optional<Error> complaint() const;
  [[nodiscard]] std::uint64_t retries() const { return retries_; }
  [[nodiscard]] bool closed() const { return closing_ && window_.empty(); }
  [[nodiscard]] bool checkpoint_in_flight() const { return checkpoint_in_flight_; }

  /// Why nothing will be acknowledged any more. `code() == fenced`: another writer owns the log.
  [[nodiscard]] const std::optional<Error>& ending() const { return ending_; }
  /// After the ending: what became of the unacknowledged object `seq`.
  [[nodiscard]] Error fate_of(Seq seq) const;
  /// After the ending: what became of batches that were never submitted.
  [[nodiscard]] Error fate_of_unsent() const;

  [[nodiscard]] format::Checkpoint checkpoint() const;
  [[nodiscard]] const format::EpochHistory& history() const { return history_; }

 private:
  enum class State : std::uint8_t { putting, looking, waiting, landed, blocked };
  struct Upload {
    format::Header header;
    State state = State::putting;
    bool ever_unknown = false;  // some try may have been stored without our hearing of it
    std::uint64_t first_try_ms = 0;
    std::uint64_t retry_at_ms = 0;
    std::uint32_t tries = 0;
    bool late = false;  // in flight for `late_ms`: the store itself may be trying in vain
    std::optional<Error> last_error = {};

    [[nodiscard]] bool may_be_stored() const { return ever_unknown || state != State::waiting; }
  };

  void put(Seq seq, Upload& upload);
  void retry_later(Upload& upload, const Error& error, std::uint64_t now_ms);
  void landed(Seq seq);
  void advance();
  void blocked_by(Seq seq, const format::Header& found, std::string_view sealed_by);
  void end(Error error);
  void end_if_blocked();

  format::Id writer_id_;
  Position next_;
  AppenderOptions options_;
  Backoff backoff_;
  Window<Upload> window_;
  std::uint32_t uploading_ = 0;
  std::vector<Command> commands_;

  Seq anchor_;
  Seq durable_seq_;
  Offset durable_offset_;
  Offset start_offset_;
  Seq lowest_live_;
  Offset durable_start_offset_;
  Seq durable_lowest_live_;
  Seq swept_below_;
  format::EpochHistory history_;
  bool trim_pending_ = false;
  bool closing_ = false;

  std::uint64_t retries_ = 0;
  std::uint64_t since_checkpoint_;  // in objects; what writers before left undone counts as well
  bool checkpoint_in_flight_ = false;

  std::optional<Seq> blocked_at_;  // the lowest place of ours found taken
  std::optional<Error> blocked_error_;
  std::optional<Error> ending_;
};

}  // namespace varve::protocol
