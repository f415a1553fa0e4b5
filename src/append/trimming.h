// One trim at a time, from the wish to the last deletion, driven by the pilot: first the new start
// must be durable in the log, only then is the store swept.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <optional>

#include "protocol/appender.h"
#include "protocol/sweep.h"
#include "varve/writer.h"

namespace varve::append {

struct TrimWish {
  Offset before = 0;
  Seq lowest_live = 0;  ///< the object that holds `before`
  TrimOptions options;
  std::promise<Result<TrimReport>> report;
};

class Trimming {
 public:
  explicit Trimming(protocol::Appender& appender) : appender_(appender) {}

  /// Takes a wish on; one at a time.
  void begin(TrimWish wish);
  /// Finishes what an earlier owner's trim left undeleted.
  protocol::Requests sweep_leftovers(Seq from);

  /// Something was acknowledged: the trim may be durable now. Returns the sweep's first requests.
  protocol::Requests on_acknowledged(std::int64_t now_unix_ms);
  protocol::Requests on_reply(const protocol::Reply& reply, std::int64_t now_unix_ms);
  /// No more of it now: what is durable is reported as such, with deletions left over; what is not
  /// has failed for `reason`. Answers to requests of this sweep must not be handed in any more.
  void stop(const Error& reason);
  /// Tells answers of one sweep from those of a stopped one before it.
  [[nodiscard]] std::uint64_t sweep_number() const { return sweep_number_; }

 private:
  protocol::Requests start_sweep(protocol::SweepPlan plan);
  void finish_if_done();
  void report_sweep();

  protocol::Appender& appender_;
  std::optional<TrimWish> wish_;
  std::optional<protocol::Sweep> sweep_;
  bool sweep_is_wished_ = false;
  std::uint64_t sweep_number_ = 0;
  Seq sweeping_below_ = 0;
};

}  // namespace varve::append
