// A reader's way through a log: finds where to begin, goes on object by object by the chain rule, and
// concludes from what is missing, or does not fit, what to do. No I/O, no clock, no waiting: whoever drives
// it fetches the objects and carries out the requests.
//
// What it concludes from what it sees: docs/protocol.md, "Reading", has the table.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "format/header.h"
#include "protocol/chain_mark.h"
#include "protocol/machine_run.h"
#include "protocol/position.h"
#include "protocol/reader_status.h"
#include "protocol/recovery_scan.h"
#include "protocol/seek.h"
#include "protocol/tail_watch.h"

namespace varve::protocol {

class ReaderWalk {
 public:
  struct Options {
    bool follow = false;  ///< waits at the tail for more
    std::uint32_t poll_ms = 100;
    std::uint32_t poll_max_ms = 1000;
  };

  /// What it needs next.
  enum class Phase : std::uint8_t {
    asking,    ///< answers to what it has asked for: `on`
    fetching,  ///< the object at `place()`: `pass`, or `doubt`
    pausing,   ///< at the tail: `resume` at `resume_at_ms()`, or earlier
    at_end,    ///< at the tail, which ends a reader that does not follow. `resume` looks for more
    failed,    ///< `error()`. `resume` tries again where it is
  };

  ReaderWalk(const SeekTarget& target, const Options& options);

  /// Times are of any clock that does not go back.
  Requests start();
  Requests on(const Reply& reply, std::uint64_t now_ms);
  /// Fetches again, at the same place, in whatever phase it is: the answers that are outstanding are not
  /// wanted any more. Does nothing before it has found where to begin.
  void resume();

  /// Where the chain goes on if `object` is what was found at `place()`. Errors: it is not what belongs
  /// there.
  [[nodiscard]] Result<Position> fits(const format::Header& object) const;
  /// Goes on behind `object`, to `next`, which `fits` said. Its records, from `offset()` on, are the
  /// reader's.
  void pass(const format::Header& object, const Position& next);
  /// Nothing is at `place()` (`not_found`), or what is there does not fit, or is damaged.
  Requests doubt(const Error& doubt, std::uint64_t now_ms);

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] const Position& place() const { return at_; }
  /// The first record wanted of what is fetched next.
  [[nodiscard]] Offset offset() const { return offset_; }
  [[nodiscard]] std::uint64_t resume_at_ms() const { return tail_watch_.resume_at_ms(); }
  [[nodiscard]] const Error& error() const { return failure_->error; }
  /// Whether the error is about the object at `place()`, and not about the log.
  [[nodiscard]] bool error_names_object() const { return failure_->names_object; }

  /// The log as it was seen last.
  [[nodiscard]] const LogState& state() const { return state_; }
  [[nodiscard]] const ChainMark& mark() const { return mark_; }
  /// How often the log was looked at since it has begun, and how often nothing new was at the tail.
  [[nodiscard]] std::uint64_t looks() const { return looks_; }
  [[nodiscard]] std::uint64_t polls() const { return tail_watch_.polls(); }
  /// Looks in a row that found the object at `place()` missing, or another in its place.
  [[nodiscard]] std::uint32_t doubts() const { return doubts_; }
  /// The lowest live seq when a trim last led it elsewhere.
  [[nodiscard]] Seq relocated_at() const { return relocated_at_; }
  /// The chain object before `place()`, if it was seen.
  [[nodiscard]] std::optional<Seq> before() const { return before_; }

 private:
  /// One LIST and one GET instead of a look: is the object before us the log's newest, as it was?
  struct TailCheck {
    std::uint32_t outstanding = 2;
    bool nothing_follows = false;
    bool unchanged = false;
  };
  struct Failure {
    Error error;
    bool names_object = false;
  };
  using Scan = MachineRun<RecoveryScan>;
  using Seeking = MachineRun<Seek>;

  Requests check_tail();
  Requests on_tail_check(const Reply& reply, std::uint64_t now_ms);
  Requests look();
  Requests judge(std::uint64_t now_ms);
  Requests judge_tail(std::uint64_t now_ms);
  Requests fetch_again();
  Requests seek();
  Requests on_sought();
  Requests begin(const SeekResult& found);
  Requests go_to(const SeekResult& found);
  [[nodiscard]] bool is_on_chain_of(const LogState& state) const;
  Requests reach_tail(std::uint64_t now_ms);
  Requests fail(Error error, bool names_object = false);
  [[nodiscard]] Error trimmed() const;
  [[nodiscard]] Error damaged() const;

  bool follow_;
  Phase phase_ = Phase::asking;
  bool begun_ = false;

  Position at_;
  Offset offset_ = 0;
  std::optional<Seq> before_;  // the chain object before `at_`, if it was seen
  ChainMark mark_;             // what was read is the chain up to here, or begins here
  LogState state_;

  std::variant<std::monostate, TailCheck, Scan, Seeking> stage_;
  std::optional<Error> doubt_;  // why the object at `at_` is doubted
  std::uint32_t doubts_ = 0;
  Seq relocated_at_ = 0;  // the lowest live seq when a trim led us elsewhere
  TailWatch tail_watch_;
  std::uint64_t looks_ = 0;
  std::optional<Failure> failure_;
};

}  // namespace varve::protocol
