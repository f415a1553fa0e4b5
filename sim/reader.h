// A reader in the simulation: drives the product's `ReaderWalk`, shows the oracle what it is told and what it
// hands out, and goes on as a program would where it is told that it may.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/reader_walk.h"
#include "sim/call.h"
#include "sim/oracle.h"
#include "sim/recorder.h"

namespace varve::sim {

class Reader {
 public:
  using Phase = protocol::ReaderWalk::Phase;

  /// `from`: the offset wanted; unset: the log's start.
  explicit Reader(std::optional<Offset> from, bool follow = false)
      : options_{.follow = follow, .poll_ms = 5, .poll_max_ms = 50}, walk_({.offset = from}, options_) {}

  /// Tells it, too, of all that this reader does.
  void record(const Recorder& recorder, Client as) {
    recorder_ = &recorder;
    recorded_as_ = as;
  }
  void start(Oracle& oracle) { begin(oracle); }
  void on(const Call& call, const protocol::Reply& reply, std::uint64_t now, Oracle& oracle);
  [[nodiscard]] std::vector<Call> take_calls() { return std::exchange(calls_, {}); }

  /// It waits at the tail; `poll` makes it look again.
  [[nodiscard]] bool waits() const {
    return !over() && (walk_.phase() == Phase::pausing || walk_.phase() == Phase::at_end);
  }
  void poll();
  /// It failed, for a reason that was allowed.
  [[nodiscard]] bool over() const { return error_.has_value(); }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] std::optional<Offset> offset() const {
    return begun_ ? std::optional(walk_.offset()) : std::nullopt;
  }
  /// About to read at its place, or waiting there.
  [[nodiscard]] bool at_rest() const { return begun_ && walk_.phase() != Phase::asking && !over(); }
  [[nodiscard]] std::optional<Oracle::Moment> survey_begun() const {
    return walk_.phase() == Phase::asking ? std::optional(asked_) : std::nullopt;
  }
  [[nodiscard]] const protocol::ReaderWalk& walk() const { return walk_; }
  void note_damage() { damaged_ = true; }
  /// A listing was answered that reports each name as of a moment of its own: without a claim it may show
  /// less than there was when the scan began.
  void note_slow_list() {
    asked_ = {};
    damaged_ = true;
  }

 private:
  void begin(Oracle& oracle);
  void ask(Call::Purpose purpose, protocol::Requests requests);
  void read();
  void on_object(const protocol::Reply& reply, std::uint64_t now, Oracle& oracle);
  void doubt(const Error& error, std::uint64_t now, Oracle& oracle);
  void after_asking(Oracle& oracle);
  void on_failure(Oracle& oracle);
  void fail(const Error& error, Oracle& oracle);

  protocol::ReaderWalk::Options options_;
  protocol::ReaderWalk walk_;
  std::vector<Call> calls_;
  Oracle::Moment asked_;     // when the question began that is being answered
  std::uint64_t looks_ = 0;  // of the walk, as far as the oracle has seen them
  bool begun_ = false;
  bool damaged_ = false;
  std::optional<Error> error_;
  const Recorder* recorder_ = nullptr;
  Client recorded_as_ = 0;
};

}  // namespace varve::sim
