// A reader in the simulation: begins anywhere, follows the chain object by object, and asks a survey
// where it stands when it finds nothing, or nothing fitting, at its place.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/locate.h"
#include "protocol/recovery_scan.h"
#include "sim/call.h"
#include "sim/oracle.h"

namespace varve::sim {

class Reader {
 public:
  /// `from`: the offset wanted; unset: the log's start.
  explicit Reader(std::optional<Offset> from) : from_(from) {}

  void start(Oracle& oracle) { scan(oracle); }
  void on(const Call& call, const protocol::Reply& reply, Oracle& oracle);
  [[nodiscard]] std::vector<Call> take_calls() { return std::exchange(calls_, {}); }

  /// It waits at the tail; `poll` makes it look again.
  [[nodiscard]] bool waits() const { return waits_; }
  void poll();
  /// It failed, for a reason that was allowed.
  [[nodiscard]] bool over() const { return error_.has_value(); }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] std::optional<Offset> offset() const {
    return at_ ? std::optional(at_->offset) : std::nullopt;
  }
  /// About to read at its place, or waiting there: all that it knows is where, and what it has delivered.
  [[nodiscard]] bool at_rest() const { return at_ && !scan_ && !locate_ && !over(); }
  [[nodiscard]] std::optional<Oracle::Moment> survey_begun() const {
    return scan_ ? std::optional(survey_begun_) : std::nullopt;
  }
  [[nodiscard]] const std::optional<protocol::Position>& place() const { return at_; }
  [[nodiscard]] Offset delivered() const { return delivered_; }
  [[nodiscard]] std::uint32_t looks() const { return looks_; }
  void note_damage() { damaged_ = true; }

 private:
  void ask(Call::Purpose purpose, protocol::Requests requests);
  void scan(Oracle& oracle);
  void on_survey(const protocol::Reply& reply, Oracle& oracle);
  void locate(const protocol::LogState& view, Offset target, Oracle& oracle);
  void on_locate(const protocol::Reply* reply, Oracle& oracle);
  void read();
  void on_object(const protocol::Reply& reply, Oracle& oracle);
  void fail(const Error& error, Oracle& oracle);

  std::optional<Offset> from_;
  std::vector<Call> calls_;
  std::optional<protocol::RecoveryScan> scan_;
  std::optional<protocol::Locate> locate_;
  Oracle::Moment survey_begun_;
  std::optional<protocol::Position> at_;
  Offset delivered_ = 0;           // everything below, from where it began
  std::optional<Error> mismatch_;  // why the object at `at_` did not fit
  std::uint32_t looks_ = 0;        // in a row at the same place, in vain
  bool waits_ = false;
  bool damaged_ = false;
  std::optional<Error> error_;
};

}  // namespace varve::sim
