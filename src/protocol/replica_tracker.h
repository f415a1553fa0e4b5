// What a writer with standbys decides about them: which objects it hands over, which of them may be
// acknowledged (commit_rule.h), how far the log may be deleted, and when a standby ends the writer.
//
// A standby is a mirror of the log that the writer feeds. It reports its progress; this machine answers with
// commands, which the driver carries out in order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/commit_rule.h"
#include "protocol/takeover.h"

namespace varve::protocol {

/// How far a standby is.
struct ReplicaProgress {
  Seq below = 0;      ///< it has all of the chain below this place
  Offset offset = 0;  ///< of the next record there
  /// The chain object that its checkpoint names: when it starts anew, it asks the log for what follows.
  /// Nothing: not known yet.
  std::optional<Seq> resumes_at = {};
  std::optional<Error> complaint = {};  ///< what it waits for
  std::optional<Error> ending = {};     ///< why it will have no more
};

/// A standby as the writer finds it.
struct Replica {
  std::string name;
  SinkOptions options;
  bool in_sync = false;  ///< it has all that the log had when the writer opened it
};

struct ReplicaCommand {
  enum class Kind : std::uint8_t {
    hand_from,        ///< the objects from `seq` on will be handed over, one after the other
    hand,             ///< hand `seq` over
    let_go,           ///< nothing is handed over any more; release what was and is not stored there yet
    want_checkpoint,  ///< its checkpoint is to name all that it has, soon
    acknowledge,      ///< `seq` may be acknowledged
  };
  Kind kind;
  std::size_t replica = 0;
  Seq seq = 0;

  friend bool operator==(const ReplicaCommand&, const ReplicaCommand&) = default;
};

struct ReplicaStatus {
  Offset durable_offset = 0;  ///< every record below is there
  bool degraded = false;      ///< acknowledged records may be missing there
  std::int64_t degraded_since_unix_ms = 0;
  std::uint64_t unreplicated_records = 0;
  std::optional<Error> waiting_for = {};
};

class ReplicaTracker {
 public:
  ReplicaTracker(const Ownership& ownership, std::vector<Replica> replicas, std::int64_t now_unix_ms);

  /// The log's store has `seq` now, with all before it. In order.
  void on_stored(Seq seq, Offset end_offset, std::uint64_t now_ms);
  void on_progress(std::size_t replica, ReplicaProgress progress, std::uint64_t now_ms,
                   std::int64_t now_unix_ms);
  void tick(std::uint64_t now_ms, std::int64_t now_unix_ms);
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const { return rule_.next_tick_ms(); }
  [[nodiscard]] std::vector<ReplicaCommand> take_commands();

  /// Nothing more will be acknowledged: a standby was promoted, is another's, or was away for too long.
  [[nodiscard]] const std::optional<Error>& ending() const { return ending_; }
  /// Some object is in the log's store, and waits for a standby.
  [[nodiscard]] bool waiting() const { return rule_.waiting(); }

  /// Every record below may be acknowledged.
  [[nodiscard]] Offset committed_offset() const { return rule_.committed_offset(); }

  /// What may be deleted of the log: a standby that starts anew asks for nothing below.
  [[nodiscard]] Seq deletable_below() const;
  /// Whether `deletable_below` will soon be `seq` or more. Standbys are asked for their checkpoints if so.
  [[nodiscard]] bool will_allow_deletion_below(Seq seq);

  /// Some object waits for a standby that makes no progress.
  [[nodiscard]] bool stalled() const;
  /// The standby that is waited for, and what it waits for, if it said that.
  struct Complaint {
    std::string name;
    std::optional<Error> error;
  };
  [[nodiscard]] std::optional<Complaint> complaint() const;

  [[nodiscard]] bool empty() const { return replicas_.empty(); }
  [[nodiscard]] const std::string& name(std::size_t replica) const { return replicas_.at(replica).name; }
  [[nodiscard]] ReplicaStatus status(std::size_t replica) const;
  /// How often the writer went on without a standby.
  [[nodiscard]] std::uint64_t degradations() const { return degradations_; }

 private:
  using State = CommitRule::SinkState;
  struct Tracked {
    std::string name;
    SinkOptions options;
    State state;  // as it was when the standby was last told what to expect
    ReplicaProgress progress = {};
    std::int64_t degraded_since_unix_ms = 0;
    bool ended = false;
  };

  [[nodiscard]] bool is_stalled(std::size_t replica) const;
  void on_ending(std::size_t replica);
  void settle(std::int64_t now_unix_ms);
  void follow_state(std::size_t replica, std::int64_t now_unix_ms);

  std::vector<Tracked> replicas_;
  CommitRule rule_;
  std::uint64_t degradations_ = 0;
  std::vector<ReplicaCommand> commands_;
  std::optional<Error> ending_;
};

}  // namespace varve::protocol
