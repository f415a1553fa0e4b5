// When an object may be acknowledged: when the log's own store has it, with all before it, and every sink
// that takes part has it as well, with all before it. In order. A sink is a further place for the log's
// objects, a standby for example; it reports one number: everything below a place is durable there. The log's
// own store alone decides who owns the log and what is on its chain (docs/protocol.md, Standby).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "format/header.h"

namespace varve::protocol {

struct SinkOptions {
  bool degrades = false;          ///< without progress for `patience_ms`: acknowledges without this sink
  std::uint32_t patience_ms = 0;  ///< else it gives up after as long; 0: never
};

class CommitRule {
 public:
  enum class SinkState : std::uint8_t {
    in_sync,      ///< nothing is acknowledged that is not in this sink
    degraded,     ///< the sink makes no progress, and is not waited for
    catching_up,  ///< waited for again, but it does not have yet all that was acknowledged without it
  };
  struct Sink {
    SinkOptions options;
    SinkState state = SinkState::in_sync;
  };
  /// Where the writer begins, and with what.
  struct Start {
    Seq newest = 0;  ///< the chain object that the log's store has, with all before it
    Offset end_offset = 0;
    std::uint32_t window = 1;
    std::vector<Sink> sinks = {};
  };

  explicit CommitRule(const Start& start);

  /// The log's store has `seq` now, with all before it. In order.
  void on_stored(Seq seq, Offset end_offset, std::uint64_t now_ms);
  /// The sink has all of the chain below the place `below`, up to the offset.
  void on_sink(std::size_t sink, Seq below, Offset end_offset, std::uint64_t now_ms);
  void tick(std::uint64_t now_ms);
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const;

  /// Without waiting for this sink any longer. If it has no more to come, this is for good.
  void degrade(std::size_t sink);

  /// Objects that may be acknowledged since the last call, in order.
  [[nodiscard]] std::vector<Seq> take_committed();

  [[nodiscard]] std::size_t sinks() const { return sinks_.size(); }
  [[nodiscard]] SinkState state(std::size_t sink) const { return sinks_.at(sink).state; }
  [[nodiscard]] Offset sink_offset(std::size_t sink) const { return sinks_.at(sink).offset; }
  /// Acknowledged, and not known to be in this sink.
  [[nodiscard]] std::uint64_t unreplicated_records(std::size_t sink) const;
  [[nodiscard]] Seq newest() const { return newest_; }
  /// Where the objects that may be acknowledged end.
  [[nodiscard]] Offset committed_offset() const { return committed_offset_; }
  /// Some object is in the log's store and not acknowledged.
  [[nodiscard]] bool waiting() const { return !waiting_.empty(); }
  /// Something waits for this sink, and that has made no progress for long.
  [[nodiscard]] bool late(std::size_t sink) const { return sinks_.at(sink).late; }
  /// The sink whose patience is over, and that the writer does not go on without.
  [[nodiscard]] std::optional<std::size_t> gave_up_on() const { return gave_up_on_; }

 private:
  struct Waiting {
    Seq seq;
    Offset end_offset;
    std::uint64_t since_ms;
  };
  struct Progress {
    SinkOptions options;
    SinkState state;
    Seq caught_up_above;  ///< was acknowledged without it; with this place in the sink, everything is there
    Seq below = 0;
    Offset offset = 0;
    std::uint64_t progress_ms = 0;
    bool late = false;
  };

  void commit_what_all_have();
  void commit_front();
  void catch_up_if_near(Progress& sink) const;
  [[nodiscard]] bool is_awaited(const Progress& sink) const;
  [[nodiscard]] std::uint64_t stuck_since_ms(const Progress& sink) const;

  std::uint32_t window_;
  Seq newest_;
  Offset committed_offset_;
  std::vector<Progress> sinks_;
  std::deque<Waiting> waiting_;  // not known to be in every sink; bounded by the writer's buffers
  std::vector<Seq> committed_;
  std::optional<std::size_t> gave_up_on_;
};

}  // namespace varve::protocol
