// One trim, from the wish to the last deletion. Two phases: first the new start is durable in the log itself,
// only then are objects deleted.
//
//   reading_clocks       only where old seals are to go: how old may they be said to be?
//   scanning, searching  which object holds the new start? Nothing to look for if the log begins there
//   already awaiting_standbys    a standby that starts anew asks for what its checkpoint does not name: that
//   is written
//                        first
//   carrying             the next object's header tells of the new start, until that is acknowledged
//   sweeping             what lies wholly below is deleted
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/appender.h"
#include "protocol/pending_requests.h"
#include "protocol/recovery_scan.h"
#include "protocol/replica_tracker.h"
#include "protocol/seal_age.h"
#include "protocol/search.h"
#include "protocol/sweep.h"

namespace varve::protocol {

struct TrimOrder {
  std::uint64_t number = 0;  ///< the driver's name for it
  Offset before = 0;
  std::uint32_t no_writer_sleeps_days = 0;  ///< as `TrimOptions`
  std::string host = {};                    ///< that trims; only asked for with `no_writer_sleeps_days`
  std::uint64_t deadline_ms = 0;            ///< of the clock of `now_ms`; 0: none
};

struct TrimResult {
  Offset start_offset = 0;
  std::uint64_t objects_deleted = 0;
  std::uint64_t objects_left = 0;  ///< could not be deleted now
};

/// What the writer knows, that a trim goes by.
struct TrimContext {
  Appender& appender;
  ReplicaTracker& replicas;
  std::uint64_t now_ms = 0;
  std::int64_t now_unix_ms = 0;
};

class Trim {
 public:
  enum class Stage : std::uint8_t {
    reading_clocks,
    scanning,
    searching,
    awaiting_standbys,
    carrying,
    sweeping,
    done
  };

  /// A trim that a caller ordered. `first_ticket`: of its first request; later trims of a writer are given
  /// higher ones.
  Trim(const TrimOrder& order, std::uint64_t first_ticket);
  /// The deletions that a trim of an earlier writer left undone: from `from` on.
  [[nodiscard]] static Trim leftovers(Seq from, std::uint64_t first_ticket);

  void start(const TrimContext& context);
  void on(std::uint64_t ticket, const Reply& reply, const TrimContext& context);
  /// Something was acknowledged, a standby made progress, or time passed.
  void proceed(const TrimContext& context);
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const;
  /// What is to be sent now. Each reply comes back with the ticket of its request, in any order.
  [[nodiscard]] std::vector<PendingRequests::Ticketed> take_requests(std::uint64_t now_ms) {
    return requests_.take_due(now_ms);
  }
  [[nodiscard]] std::uint64_t next_ticket() const { return requests_.next_ticket(); }

  /// No more of it: what is durable is reported as such, with deletions left over; what is not has failed for
  /// `reason`.
  void stop(const Error& reason, const TrimContext& context);

  [[nodiscard]] Stage stage() const { return stage_; }
  [[nodiscard]] bool done() const { return stage_ == Stage::done; }
  [[nodiscard]] const TrimOrder& order() const { return order_; }
  /// Only when done.
  [[nodiscard]] const Result<TrimResult>& result() const { return *result_; }
  /// What the scan found, once it has.
  [[nodiscard]] const std::optional<LogState>& scanned() const { return scanned_; }

 private:
  void read_clocks(const TrimContext& context);
  void on_clocks(const Reply& reply, const TrimContext& context);
  void find_start(const TrimContext& context);
  void on_scan(const Reply& reply, const TrimContext& context);
  void on_search(const Reply* reply, const TrimContext& context);
  void await_standbys(const TrimContext& context);
  void carry(const TrimContext& context);
  void begin_sweep(const TrimContext& context);
  void end_sweep(const TrimContext& context);
  [[nodiscard]] Error out_of_time() const;
  void finish(Result<TrimResult> result);

  TrimOrder order_;
  Stage stage_ = Stage::scanning;
  PendingRequests requests_;
  std::optional<FindSealClocks> reading_;
  std::optional<SealClocks> clocks_;
  std::optional<RecoveryScan> scan_;
  std::optional<LogState> scanned_;
  std::optional<Search> search_;
  Seq lowest_live_ = 0;       // the object that holds the new start
  Offset carried_start_ = 0;  // that a header is to tell
  Seq sweep_from_ = 0;
  std::optional<Sweep> sweep_;
  Seq sweeping_below_ = 0;
  std::optional<Result<TrimResult>> result_;
};

}  // namespace varve::protocol
