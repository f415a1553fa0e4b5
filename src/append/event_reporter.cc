#include "append/event_reporter.h"

#include <fmt/format.h>

#include <utility>

namespace varve {

std::string_view to_string(EventKind kind) noexcept {
  switch (kind) {
    case EventKind::sealed:
      return "sealed";
    case EventKind::cut_tail:
      return "cut_tail";
    case EventKind::opened:
      return "opened";
    case EventKind::slowed_down:
      return "slowed_down";
    case EventKind::recovered:
      return "recovered";
    case EventKind::trimmed:
      return "trimmed";
    case EventKind::second_away:
      return "second_away";
    case EventKind::second_back:
      return "second_back";
    case EventKind::fenced:
      return "fenced";
    case EventKind::gave_up:
      return "gave_up";
    case EventKind::failed:
      return "failed";
    case EventKind::closed:
      return "closed";
  }
  return "unknown";
}

namespace append {
namespace {

EventKind kind_of_end(const Error& error) {
  switch (error.code()) {
    case Code::fenced:
      return EventKind::fenced;
    case Code::unavailable:
    case Code::timed_out:
      return EventKind::gave_up;
    default:
      return EventKind::failed;
  }
}

}  // namespace

void EventReporter::opened(const protocol::Ownership& ownership) {
  epoch_ = ownership.seal.seq;
  start_offset_ = ownership.seal.start_offset;
  const Offset next = ownership.next.offset;
  tell(EventKind::sealed, next,
       ownership.seal.seq == 0
           ? std::string("made a new log")
           : fmt::format("took the log over: epoch {} begins at offset {}", epoch_, next));
  if (ownership.cut_objects > 0) {
    tell(EventKind::cut_tail, next,
         fmt::format("cut {} object(s) off behind offset {}: the writer before never acknowledged them",
                     ownership.cut_objects, next),
         {}, ownership.cut_objects);
  }
  tell(EventKind::opened, next, fmt::format("the next record is offset {}", next));
}

bool EventReporter::observe(const protocol::Appender& appender, const ReplicaTracker* replica_tracker) {
  if (appender.ending()) return false;
  if (replica_tracker != nullptr) observe_second(replica_tracker->status(), appender.durable_offset());
  if (appender.durable_start_offset() != start_offset_) {
    start_offset_ = appender.durable_start_offset();
    tell(EventKind::trimmed, start_offset_, fmt::format("the log begins at offset {} now", start_offset_));
  }
  const bool for_second = replica_tracker != nullptr && replica_tracker->waits_for_second();
  const bool slow = appender.waiting_for_store() || for_second;
  if (slow == slow_) return false;
  slow_ = slow;
  if (!slow) {
    tell(EventKind::recovered, appender.durable_offset(), "the store does its work again");
    return false;
  }
  const bool only_second = for_second && !appender.waiting_for_store();
  std::optional<Error> complaint = only_second ? replica_tracker->complaint() : appender.complaint();
  std::string why = complaint ? complaint->message() : "the oldest upload has had no answer for seconds";
  if (only_second) why = fmt::format("the second, {}: {}", replica_tracker->status().name, why);
  tell(EventKind::slowed_down, appender.durable_offset(), "waiting for the store: " + why,
       std::move(complaint));
  return true;
}

void EventReporter::observe_second(const SecondStatus& second, Offset durable) {
  if (second.first_alone == alone_) return;
  alone_ = second.first_alone;
  if (alone_) {
    tell(EventKind::second_away, durable,
         fmt::format("goes on with the first store alone; the second, {}, has what is below offset {}: {}",
                     second.name, second.durable_offset,
                     second.waiting_for ? second.waiting_for->message() : "it makes no progress"),
         second.waiting_for);
  } else {
    tell(EventKind::second_back, durable,
         fmt::format("all is in both stores again; the second, {}, has caught up", second.name));
  }
}

void EventReporter::ended(const protocol::Appender& appender) {
  const Offset durable = appender.durable_offset();
  if (const std::optional<Error>& why = appender.ending()) {
    tell(kind_of_end(*why), durable, why->message(), *why);
  } else {
    tell(EventKind::closed, durable, fmt::format("closed; everything below offset {} is durable", durable));
  }
}

void EventReporter::tell(EventKind kind, Offset offset, std::string message, std::optional<Error> error,
                         std::uint64_t objects) const {
  if (!callback_) return;
  callback_({.kind = kind,
             .log = log_,
             .message = std::move(message),
             .epoch = epoch_,
             .offset = offset,
             .objects = objects,
             .error = std::move(error)});
}

}  // namespace append
}  // namespace varve
