// The deciding half of a mirror: which objects of a source's chain may be put into its destination, and
// when. Towards the destination a mirror behaves as a writer does: it never puts beyond W - 1 places behind
// the lowest one that is not stored there (docs/protocol.md, Mirrors).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "format/checkpoint.h"
#include "protocol/position.h"
#include "protocol/retry.h"

namespace varve::protocol {

struct MirroringOptions {
  std::uint32_t give_up_ms = 0;                  ///< for one object; 0: never
  std::uint32_t checkpoint_every_objects = 128;  ///< at least 1
  RetryOptions retry;
  std::uint64_t jitter_seed = 1;
};

/// Where copying goes on.
struct MirroringStart {
  Position next;                 ///< the first place that is not known to be stored at the destination
  format::EpochHistory history;  ///< of the source, up to `next.epoch` at least
  /// The destination's own state. With a newly begun mirror the first object copied is all of it.
  format::MirrorState state;
  std::optional<Seq> anchor = {};  ///< the chain object before `next`, not an ahead seal; none: newly begun
  bool anchor_is_said = true;      ///< the destination's checkpoint names it
  Seq swept_below = 0;
  Seq lowest_live = 0;  ///< as the object at `anchor` says: what lies below may be swept
};

/// What the driver is to do. It holds the objects' bytes.
struct CopyCommand {
  enum class Kind : std::uint8_t {
    put,         ///< create object `seq` at the destination if absent, then `on_put`
    look,        ///< read the header at the destination's `seq`, then `on_look`
    copied,      ///< `seq` is stored, with all before it: forget its bytes
    checkpoint,  ///< write `Mirroring::checkpoint()` to the destination, then `on_checkpoint`
  };
  Kind kind;
  Seq seq = 0;

  friend bool operator==(const CopyCommand&, const CopyCommand&) = default;
};

class Mirroring {
 public:
  Mirroring(MirroringStart start, MirroringOptions options);

  /// The place of the source's chain that is wanted next.
  [[nodiscard]] const Position& next() const { return next_; }
  /// Whether that may be offered now: there is room in the window, and no seal or beginning that has first to
  /// be stored and told of in the checkpoint.
  [[nodiscard]] bool can_offer() const;
  /// Takes the object at `next()`, which is whole, sound, and for certain on the source's chain. Error:
  /// it does not continue the log.
  Result<void> offer(const format::Header& object, std::uint64_t now_ms);
  /// How far the source goes, as seen at that time.
  void source_seen(Offset end, std::int64_t unix_ms);

  // What the destination answered. Times are of any monotonic clock. ----------------------------

  void on_put(Seq seq, const std::optional<Error>& error, std::uint64_t now_ms);
  void on_look(Seq seq, const Result<format::Header>& found, std::uint64_t now_ms);
  void on_checkpoint(const std::optional<Error>& error, std::uint64_t now_ms);
  void tick(std::uint64_t now_ms);
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const;

  /// A checkpoint is wanted, if there is anything new to say and none is under way.
  void want_checkpoint();
  [[nodiscard]] std::vector<CopyCommand> take_commands();

  // State. ---------------------------------------------------------------------------------------

  /// Nothing is under way, nothing is left to say: what was offered is stored, and the checkpoint knows.
  [[nodiscard]] bool settled() const;
  [[nodiscard]] std::size_t in_flight() const { return copies_.size(); }
  /// The next record's offset behind what is stored without a gap.
  [[nodiscard]] Offset copied_offset() const { return state_.copied_offset; }
  /// The lowest place of the chain that is not known to be stored.
  [[nodiscard]] Seq stored_below() const { return copies_.empty() ? next_.seq : copies_.front().header.seq; }
  [[nodiscard]] const std::optional<Seq>& anchor() const { return anchor_; }
  /// What a stored checkpoint names: from there a mirror that starts anew goes on.
  [[nodiscard]] const std::optional<Seq>& said_anchor() const { return said_anchor_; }
  [[nodiscard]] const format::MirrorState& state() const { return state_; }
  [[nodiscard]] format::Checkpoint checkpoint() const;
  /// Below this the destination may be swept: a stored object says that the source begins there, and the
  /// checkpoint names nothing below it. Nothing to do: equals `swept_below()`.
  [[nodiscard]] Seq sweep_below() const;
  [[nodiscard]] Seq swept_below() const { return swept_below_; }
  [[nodiscard]] const format::EpochHistory& history() const { return history_; }
  void swept(Seq below) { swept_below_ = std::max(swept_below_, below); }
  /// What the destination said last about the lowest place that is not stored, or about the checkpoint that
  /// everything waits for.
  [[nodiscard]] std::optional<Error> complaint() const;
  [[nodiscard]] std::uint64_t retries() const { return retries_; }
  /// Why nothing is copied any more. `foreign`: somebody else has written to the destination. `fenced`: it
  /// was promoted.
  [[nodiscard]] const std::optional<Error>& ending() const { return ending_; }

 private:
  enum class State : std::uint8_t { held, looking, putting, waiting, stored };
  struct Copy {
    format::Header header;
    Offset end_offset = 0;  // behind it
    State state = State::held;
    std::uint64_t first_try_ms = 0;
    std::uint64_t retry_at_ms = 0;
    std::uint32_t tries = 0;
    std::optional<Error> last_error = {};
  };

  [[nodiscard]] Copy* find(Seq seq, State expected);
  [[nodiscard]] bool may_go(const Copy& copy) const;
  void send_what_may_go(std::uint64_t now_ms);
  void send(Copy& copy, State state);
  void retry_later(Copy& copy, const Error& error, std::uint64_t now_ms);
  void stored(Copy& copy, std::uint64_t now_ms);
  void leave(const Copy& copy);
  [[nodiscard]] bool sweep_is_unsaid() const;
  void put_checkpoint();
  void end(Error error);

  Position next_;
  MirroringOptions options_;
  Backoff backoff_;
  format::EpochHistory history_;
  format::MirrorState state_;
  std::optional<Seq> anchor_;
  Seq swept_below_;
  Seq lowest_live_ = 0;  // as stored objects say

  std::deque<Copy> copies_;  // consecutive places; a seal is the last of its epoch
  Seq look_below_;           // what lies below may be there already: looks before it puts
  std::vector<CopyCommand> commands_;

  bool barrier_ = false;  // nothing is taken until the checkpoint names what was stored last
  bool unsaid_ = false;   // something has been stored since the last checkpoint was made
  bool checkpoint_in_flight_ = false;
  std::uint32_t since_checkpoint_ = 0;
  std::uint32_t checkpoint_tries_ = 0;
  std::optional<std::uint64_t> checkpoint_retry_at_ms_;
  std::optional<std::uint64_t> checkpoint_fails_since_ms_;
  std::optional<Error> checkpoint_error_;
  std::optional<Seq> said_anchor_;     // in a checkpoint that is stored
  std::optional<Seq> sending_anchor_;  // in the one under way

  std::uint64_t retries_ = 0;
  std::optional<Error> ending_;
};

}  // namespace varve::protocol
