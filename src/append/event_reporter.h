// Makes events of what happens to a writer, and reports them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/writer_core.h"
#include "varve/event.h"

namespace varve::append {

/// One thread at a time.
class EventReporter {
 public:
  /// `callback` may be empty: then nothing is told.
  EventReporter(EventCallback callback, std::string log)
      : callback_(std::move(callback)), log_(std::move(log)) {}

  /// `sealed`, `truncated_tail`, `opened`.
  void opened(const protocol::Ownership& ownership);

  /// What changed since the last call: `slowed_down`, `recovered`, `trimmed`, and of a standby, if there is
  /// one, `standby_lost` and `standby_caught_up`. True: the writer has just slowed down.
  bool observe(const protocol::WriterCore& core);

  /// The last event; once.
  void ended(const protocol::WriterCore& core);

 private:
  void observe_standby(const protocol::WriterCore& core);
  void report_slowness(const protocol::WriterCore& core);
  void tell(EventKind kind, Offset offset, std::string message, std::optional<Error> error = {},
            std::uint64_t objects = 0) const;

  EventCallback callback_;
  std::string log_;
  std::uint64_t epoch_ = 0;
  Offset start_offset_ = 0;
  bool slow_ = false;
  bool degraded_ = false;
};

}  // namespace varve::append
