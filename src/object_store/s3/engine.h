// Sees every operation to its end: paces, retries, hedges, and gives up in time. Decides only:
// sending, clocks and threads are outside, so that all of this runs in tests without any of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "object_store/s3/effort.h"
#include "object_store/s3/hedging.h"
#include "object_store/s3/http.h"
#include "object_store/s3/moment.h"
#include "object_store/s3/operation.h"
#include "object_store/s3/pacing.h"
#include "object_store/s3/settings.h"

namespace varve::object_store::s3 {

using AttemptId = std::uint64_t;

/// What the engine needs from the outside. Nothing here calls back into the engine.
class Wire {
 public:
  virtual ~Wire() = default;
  /// Sends; the answer comes through `Engine::answered`, at the latest after `timeout`.
  virtual void send(AttemptId attempt, HttpRequest request, std::chrono::milliseconds timeout) = 0;
  /// Stops an attempt at once: its body is not read any more and no answer comes.
  virtual void cancel(AttemptId attempt) = 0;
  /// The store refused the credentials: they should be fetched anew.
  virtual void credentials_refused() = 0;
  /// The store's clock is so far ahead of ours: what is sent from now on should be signed by it.
  virtual void clock_refused(std::int64_t ahead_s) = 0;
};

/// Not thread-safe. `now` never goes backwards.
class Engine {
 public:
  /// Operations accepted and not ended; more are refused with `over_capacity`.
  static constexpr std::size_t operations_max = 65'536;

  Engine(const Settings& settings, Wire& wire, std::uint64_t seed);

  void submit(std::unique_ptr<Operation> operation, Moment now);
  void answered(AttemptId attempt, HttpAnswer&& answer, Moment now, std::int64_t now_unix_s);
  /// Does what is due.
  void tick(Moment now);
  /// When `tick` has something to do next; nothing if only answers are awaited.
  [[nodiscard]] std::optional<Moment> next_wakeup() const;

  /// While held nothing is sent: there are no credentials to sign with.
  void hold() noexcept { held_ = true; }
  void release(Moment now);
  /// Ends what waits to be sent.
  void fail_waiting(const Error& error);
  /// Ends everything with `Code::closed`.
  void close();

  [[nodiscard]] bool idle() const noexcept { return pursuits_.empty(); }
  /// The one thing here that any thread may ask.
  [[nodiscard]] StoreMetrics metrics() const { return effort_.snapshot(); }
  [[nodiscard]] std::uint32_t concurrency_limit() const noexcept { return pacing_.limit(); }

 private:
  using OperationId = std::uint64_t;
  enum class State : std::uint8_t { queued, backing_off, under_way };

  /// An operation and how far it got.
  struct Pursuit {
    std::unique_ptr<Operation> operation;
    State state = State::queued;
    Moment submitted;
    Moment deadline;
    Moment first_sent;  // of the present try
    std::optional<Moment> alarm;
    std::vector<AttemptId> outstanding;       // two while hedged
    std::optional<Hedging::Lateness> hedged;  // in the present try
    std::uint32_t sent = 0;                   // attempts ever
    std::uint32_t failures = 0;
    std::uint32_t credential_failures = 0;
    std::uint32_t clock_failures = 0;
    bool may_have_landed = false;
    std::optional<Error> last_error;
    std::optional<Error> taken;  // one of a pair met an object: perhaps the other's
  };
  struct Attempt {
    OperationId operation;
    Moment sent;
    bool background;
    bool duplicate;
    bool cut_short;  ///< by the deadline: that it took too long tells nothing of the store
  };

  void enqueue(OperationId id, Pursuit& pursuit, bool first);
  void pump(Moment now);
  void pump(std::deque<OperationId>& queue, std::uint32_t limit, const std::uint32_t& in_flight, Moment now);
  void start(OperationId id, Pursuit& pursuit, Moment now);
  void send(OperationId id, Pursuit& pursuit, bool duplicate, Moment now);
  void alarm_rang(OperationId id, Moment now);
  void hedge(OperationId id, Pursuit& pursuit, Moment now);
  [[nodiscard]] std::optional<Span> patience_for(const Operation& operation) const;
  void settle(const Attempt& attempt, Verdict verdict, Moment now);
  void maybe_taken(OperationId id, Pursuit& pursuit, Error error, Moment now);
  void try_again(OperationId id, Pursuit& pursuit, const Verdict& verdict, Moment now);
  void count_retry(Next why);
  void succeed(OperationId id, Moment now);
  void fail(OperationId id, Error error);
  std::unique_ptr<Operation> forget(OperationId id);
  void set_alarm(OperationId id, Pursuit& pursuit, std::optional<Moment> at);
  [[nodiscard]] Error expired(const Pursuit& pursuit) const;

  const Settings settings_;
  Wire& wire_;
  std::minstd_rand random_;
  Pacing pacing_;
  Hedging hedging_;
  Effort effort_;
  bool held_ = false;
  OperationId next_operation_ = 1;
  AttemptId next_attempt_ = 1;
  std::uint32_t in_flight_ = 0;
  std::uint32_t background_in_flight_ = 0;
  std::unordered_map<OperationId, Pursuit> pursuits_;
  std::unordered_map<AttemptId, Attempt> attempts_;
  std::deque<OperationId> queue_;  // may name operations that have ended meanwhile
  std::deque<OperationId> background_queue_;
  std::set<std::pair<Moment, OperationId>> alarms_;
};

}  // namespace varve::object_store::s3
