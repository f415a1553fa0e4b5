// Makes events of what the pilot sees, and tells them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "append/replica_tracker.h"
#include "protocol/appender.h"
#include "varve/event.h"

namespace varve::append {

/// One thread at a time.
class EventReporter {
 public:
  /// `callback` may be empty: then nothing is told.
  EventReporter(EventCallback callback, std::string log)
      : callback_(std::move(callback)), log_(std::move(log)) {}

  /// `sealed`, `cut_tail`, `opened`.
  void opened(const protocol::Ownership& ownership);

  /// What changed since the last call: `slowed_down`, `recovered`, `trimmed`, and of the second store, if
  /// there is one, `second_away` and `second_back`. True: it has just slowed down.
  bool observe(const protocol::Appender& appender, const ReplicaTracker* replica_tracker);

  /// The last event; once.
  void ended(const protocol::Appender& appender);

 private:
  void observe_second(const SecondStatus& second, Offset durable);
  void tell(EventKind kind, Offset offset, std::string message, std::optional<Error> error = {},
            std::uint64_t objects = 0) const;

  EventCallback callback_;
  std::string log_;
  std::uint64_t epoch_ = 0;
  Offset start_offset_ = 0;
  bool slow_ = false;
  bool alone_ = false;
};

}  // namespace varve::append
