// A writer in the simulation: the real takeover, appender, survey, locate and sweep, put together as
// the library's writer puts them together, without its threads. A value: copies go their own ways.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "protocol/appender.h"
#include "protocol/locate.h"
#include "protocol/recovery_scan.h"
#include "protocol/sweep.h"
#include "protocol/takeover.h"
#include "sim/call.h"
#include "sim/oracle.h"

namespace varve::sim {

class Writer {
 public:
  struct Options {
    std::uint64_t number = 1;  ///< its writer id
    std::uint32_t window = 2;  ///< of the log, should it create it
    protocol::AppenderOptions appender;
  };

  explicit Writer(Options options);

  void open(Oracle& oracle);
  void on(const Call& call, const protocol::Reply& reply, std::uint64_t now_ms, Oracle& oracle);
  void tick(std::uint64_t now_ms, Oracle& oracle);
  /// What it has asked for since the last call.
  [[nodiscard]] std::vector<Call> take_calls() { return std::exchange(calls_, {}); }

  [[nodiscard]] bool opening() const { return takeover_.has_value(); }
  [[nodiscard]] bool is_open() const { return appender_ && !appender_->ending(); }
  /// It failed to open, was fenced, gave up, or closed.
  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] bool can_append() const { return is_open() && appender_->can_submit(); }
  void append(std::uint32_t records, bool closing, std::uint64_t now_ms, Oracle& oracle);

  [[nodiscard]] bool can_trim() const { return is_open() && !scan_ && !locate_ && !sweep_ && !trim_pending_; }
  void trim(Offset before, Oracle& oracle);
  [[nodiscard]] bool trimming() const { return scan_ || locate_ || sweep_ || trim_pending_; }

  /// Open, with nothing in flight and nothing under way: what it knows is in its newest header.
  [[nodiscard]] bool at_rest() const { return is_open() && !over_ && !trimming() && flights_.empty(); }
  [[nodiscard]] std::optional<Oracle::Moment> survey_begun() const {
    return scan_ ? std::optional(survey_begun_) : std::nullopt;
  }
  /// Its last object's, or its seal's.
  [[nodiscard]] const format::Header& newest() const { return newest_; }

  [[nodiscard]] const protocol::Appender& appender() const { return *appender_; }
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const;
  [[nodiscard]] bool damaged() const { return damaged_; }
  void note_damage() { damaged_ = true; }
  [[nodiscard]] std::uint64_t number() const { return options_.number; }

 private:
  void ask(Call::Purpose purpose, protocol::Requests requests);
  void on_takeover(const protocol::Reply& reply, std::uint64_t now_ms, Oracle& oracle);
  void on_survey(const protocol::Reply& reply, Oracle& oracle);
  void on_locate(const protocol::Reply& reply, Oracle& oracle);
  void begin_sweep(Seq from);
  void own(const protocol::Ownership& ownership);
  void carry_out(std::uint64_t now_ms, Oracle& oracle);
  void end(Oracle& oracle);

  Options options_;
  std::vector<Call> calls_;
  std::uint64_t round_ = 0;
  std::optional<protocol::Takeover> takeover_;
  std::optional<protocol::Appender> appender_;
  std::map<Seq, format::Header> flights_;
  format::Header newest_;
  Seq next_acknowledged_ = 0;
  bool damaged_ = false;
  bool over_ = false;

  // A trim: survey, locate, an object that carries it, sweep.
  Offset trim_before_ = 0;
  bool trim_pending_ = false;
  Oracle::Moment survey_begun_;
  std::optional<protocol::RecoveryScan> scan_;
  std::optional<protocol::Locate> locate_;
  std::optional<protocol::Sweep> sweep_;
  Seq sweeping_below_ = 0;
};

}  // namespace varve::sim
