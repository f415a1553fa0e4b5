// A writer in the simulation: the product's takeover and its writer core, driven without threads or memory
// for records. A value: copies go their own ways.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "protocol/takeover.h"
#include "protocol/writer_core.h"
#include "sim/call.h"
#include "sim/oracle.h"
#include "sim/recorder.h"

namespace varve::sim {

class Writer {
 public:
  struct Options {
    std::uint64_t number = 1;  ///< its writer id
    std::uint32_t window = 2;  ///< of the log, should it create it
    protocol::AppenderOptions appender;
    protocol::Pacing pacing = protocol::Pacing(0, 1, 0);
    const Recorder* recorder = nullptr;  ///< is told of all it does
  };

  explicit Writer(Options options);

  void open(Oracle& oracle);
  void on(const Call& call, const protocol::Reply& reply, std::uint64_t now_ms, Oracle& oracle);
  void tick(std::uint64_t now_ms, Oracle& oracle);
  /// What it has asked for since the last call.
  [[nodiscard]] std::vector<Call> take_calls() { return std::exchange(calls_, {}); }

  [[nodiscard]] bool opening() const { return takeover_.has_value(); }
  [[nodiscard]] bool is_open() const { return core_ && !core_->ending(); }
  /// It failed to open, was fenced, gave up, or closed.
  [[nodiscard]] bool over() const { return over_; }

  [[nodiscard]] bool can_append() const {
    return is_open() && !core_->closing() && core_->appender().can_submit();
  }
  /// Into the open batch, which the core closes when it is time.
  void append(std::uint32_t records, std::uint64_t now_ms, Oracle& oracle);
  /// A batch that was filled, or an object without records.
  void append_full(std::uint32_t records, std::uint64_t now_ms, Oracle& oracle);
  void flush(std::uint64_t now_ms, Oracle& oracle);

  [[nodiscard]] bool can_trim() const { return is_open() && !core_->closing() && !core_->trimming(); }
  /// `deadline_ms`: 0 for none.
  void trim(Offset before, std::uint64_t deadline_ms, std::uint64_t now_ms, Oracle& oracle);
  [[nodiscard]] bool trimming() const { return core_ && core_->trimming(); }
  void close(std::uint64_t deadline_ms, std::uint64_t now_ms, Oracle& oracle);

  /// Open, with nothing in flight and nothing under way: what it knows is in its newest header.
  [[nodiscard]] bool at_rest() const {
    return is_open() && !over_ && !trimming() && flights_.empty() && closed_batches_.empty() &&
           open_records_ == 0;
  }
  [[nodiscard]] std::optional<Oracle::Moment> survey_begun() const;
  /// Its last object's, or its seal's.
  [[nodiscard]] const format::Header& newest() const { return newest_; }

  [[nodiscard]] const protocol::Appender& appender() const { return core_->appender(); }
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const;
  [[nodiscard]] bool damaged() const { return damaged_; }
  void note_damage() { damaged_ = true; }
  /// A listing was answered that reports each name as of a moment of its own: without a claim it may show
  /// less than there was when the scan began.
  void note_slow_list() {
    scan_begun_ = {};
    damaged_ = damaged_ || !opening();
  }
  [[nodiscard]] std::uint64_t number() const { return options_.number; }

 private:
  void on_takeover(const protocol::Reply& reply, std::uint64_t now_ms, Oracle& oracle);
  void own(const protocol::Ownership& ownership, std::uint64_t now_ms);
  [[nodiscard]] protocol::Supply supply() const;
  void submit(std::uint32_t records, bool closing, std::uint64_t now_ms);
  void drive(std::uint64_t now_ms, Oracle& oracle);
  void carry_out(const protocol::WriterCommand& command, Oracle& oracle);
  void check(std::uint64_t now_ms, Oracle& oracle);
  void judge_scan(Oracle& oracle);
  void end(Oracle& oracle);
  void note_trim();

  Options options_;
  std::vector<Call> calls_;
  std::optional<protocol::Takeover> takeover_;
  std::optional<protocol::WriterCore> core_;
  std::deque<std::uint32_t> closed_batches_;  // their records
  std::uint32_t open_records_ = 0;
  std::uint64_t first_record_ms_ = 0;
  std::map<Seq, format::Header> flights_;
  format::Header newest_;
  Seq next_acknowledged_ = 0;
  bool damaged_ = false;
  bool over_ = false;
  Offset noted_start_ = 0;  // what the recorder knows of trims

  Oracle::Moment scan_begun_;
  std::optional<Seq> scan_ended_at_;
};

}  // namespace varve::sim
