// The second store of a writer, as its pilot sees it: a mirror of the log, at work in this process. What does
// it is on a floor above (src/replicate/standby.cc); here is only what is asked of it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "log/log_store.h"
#include "varve/writer.h"

namespace varve::append {

/// How far the second has come.
struct SecondProgress {
  Seq below = 0;      ///< it has all of the chain below this place
  Offset offset = 0;  ///< of the next record there
  /// The chain object that its checkpoint names: a mirror that starts anew asks the first for what follows.
  /// Nothing: not known yet.
  std::optional<Seq> said = {};
  std::optional<Error> complaint = {};  ///< what it waits for
  std::optional<Error> ending = {};     ///< why it will have no more
};

/// Thread-safety: one thread, but `progress`: any.
class Second {
 public:
  Second() = default;
  Second(const Second&) = delete;
  Second& operator=(const Second&) = delete;
  virtual ~Second() = default;

  /// Whether it had all that the first had when it was opened.
  [[nodiscard]] virtual bool caught_up() const = 0;
  /// From now on `tell` is called when there is progress, by another thread; it must be quick.
  virtual void attend(std::function<void()> tell) = 0;
  /// The objects from `from` on come by `hand`, one after the other.
  virtual void hand_from(Seq from) = 0;
  virtual void hand(Seq seq, Bytes object) = 0;
  /// Nothing is handed over any more, and what was and is not stored there yet is to be let go of.
  virtual void let_go() = 0;
  [[nodiscard]] virtual SecondProgress progress() const = 0;
  /// Its checkpoint is to name all that it has, soon.
  virtual void want_checkpoint() = 0;
  /// Its checkpoint is written, if that can be done in `patience`; then nothing more is.
  virtual void finish(std::chrono::milliseconds patience) = 0;
  [[nodiscard]] virtual std::string name() const = 0;
};

/// Looks at the second place, before the log is taken over, and has it catch up. Blocks. Errors: as
/// `Writer::open`.
Result<std::unique_ptr<Second>> open_second(const log::LogStore& first, const WriterOptions& options,
                                            log::Deadline deadline);

}  // namespace varve::append
