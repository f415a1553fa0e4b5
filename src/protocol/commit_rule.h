// When an object is acknowledged whose writer keeps its log in two stores: when both have it, in order; and
// what becomes of that while the second is away. The first alone decides who owns the log and what is on its
// chain; the second holds a mirror of it (docs/protocol.md, Two stores).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "format/header.h"

namespace varve::protocol {

struct CommitRuleOptions {
  bool goes_on = false;           ///< while the second is away: acknowledges what the first has
  std::uint32_t patience_ms = 0;  ///< with no progress there, until it goes on alone, or ends; 0: for ever
};

class CommitRule {
 public:
  enum class Footing : std::uint8_t {
    both,         ///< nothing is acknowledged that is not in both
    first_alone,  ///< the second is away, and what the first has is acknowledged
    rejoining,    ///< nothing more is acknowledged that is not in both, but what was is not there yet
  };
  /// Where the writer begins, and with what.
  struct Start {
    Seq newest = 0;  ///< the chain object that the first has, with all before it
    Offset end_offset = 0;
    std::uint32_t window = 1;
    Footing footing = Footing::both;
  };

  CommitRule(const Start& start, CommitRuleOptions options);

  /// The first has `seq` now, with all before it. In order.
  void on_first(Seq seq, Offset end_offset, std::uint64_t now_ms);
  /// The second has all of the chain below the place `below`, up to the offset.
  void on_second(Seq below, Offset end_offset, std::uint64_t now_ms);
  void tick(std::uint64_t now_ms);
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const;

  /// Now, without waiting any longer. If the second has no more to come, this is for good.
  void go_on_alone();

  /// Objects that may be acknowledged since the last call, in order.
  [[nodiscard]] std::vector<Seq> take_acknowledged();

  [[nodiscard]] Footing footing() const { return footing_; }
  [[nodiscard]] Seq newest() const { return newest_; }
  [[nodiscard]] Offset second_offset() const { return second_offset_; }
  /// Acknowledged, and not known to be in the second.
  [[nodiscard]] std::uint64_t records_in_first_alone() const;
  [[nodiscard]] bool waiting() const { return !waiting_.empty(); }
  /// Something waits for the second, and that has made no progress for long.
  [[nodiscard]] bool late() const { return late_; }
  /// Its patience is over, and it does not go on alone.
  [[nodiscard]] bool gave_up() const { return gave_up_; }

 private:
  struct Waiting {
    Seq seq;
    Offset end_offset;
    std::uint64_t since_ms;
  };

  void acknowledge_what_both_have();
  void acknowledge_front();
  void rejoin_if_near();
  [[nodiscard]] std::uint64_t stuck_since_ms() const;

  CommitRuleOptions options_;
  std::uint32_t window_;
  Footing footing_;
  Seq newest_;
  Offset acknowledged_offset_;
  Seq second_below_ = 0;
  Offset second_offset_ = 0;
  std::uint64_t progress_ms_ = 0;
  Seq rejoins_above_ = 0;  // what was acknowledged alone; with it in the second, all is in both
  std::deque<Waiting>
      waiting_;  // in the first, not known to be in the second; bounded by the writer's buffers
  std::vector<Seq> acknowledged_;
  bool late_ = false;
  bool gave_up_ = false;
};

}  // namespace varve::protocol
