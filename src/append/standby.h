// The standby of a writer, as its upload loop sees it: a mirror of the log, at work in this process. What
// does the work is on a floor above (src/replicate/standby.cc); here is only what is asked of it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "log/log_store.h"
#include "protocol/replica_tracker.h"
#include "varve/writer.h"

namespace varve::append {

/// Thread-safety: one thread; but `progress` and `stopped`: any.
class Standby {
 public:
  Standby() = default;
  Standby(const Standby&) = delete;
  Standby& operator=(const Standby&) = delete;
  /// Ends its work at once.
  virtual ~Standby() = default;

  /// Whether it had all that the log had when it was opened.
  [[nodiscard]] virtual bool caught_up() const = 0;
  /// From now on `tell` is called when there is progress, by another thread; it must be quick.
  virtual void attend(std::function<void()> tell) = 0;
  /// The objects from `from` on come by `hand`, one after the other.
  virtual void hand_from(Seq from) = 0;
  virtual void hand(Seq seq, Bytes object) = 0;
  /// Nothing is handed over any more, and what was and is not stored there yet is to be released.
  virtual void let_go() = 0;
  [[nodiscard]] virtual protocol::ReplicaProgress progress() const = 0;
  /// Its checkpoint is to name all that it has, soon.
  virtual void want_checkpoint() = 0;
  /// It ends its work in order: its checkpoint is written. Does not block; `tell` is called when it has.
  virtual void stop() = 0;
  [[nodiscard]] virtual bool stopped() const = 0;
  [[nodiscard]] virtual std::string name() const = 0;
};

/// Looks at the place of the standby, before the log is taken over, and has it catch up. Blocks. Errors: as
/// `Writer::open`.
Result<std::unique_ptr<Standby>> open_standby(const log::LogStore& log_store, const WriterOptions& options,
                                              log::Deadline deadline);

}  // namespace varve::append
