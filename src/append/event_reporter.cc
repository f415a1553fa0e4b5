#include "append/event_reporter.h"

#include <fmt/format.h>

#include <utility>

namespace varve {

std::string_view to_string(EventKind kind) noexcept {
  switch (kind) {
    case EventKind::sealed:
      return "sealed";
    case EventKind::truncated_tail:
      return "truncated_tail";
    case EventKind::opened:
      return "opened";
    case EventKind::slowed_down:
      return "slowed_down";
    case EventKind::recovered:
      return "recovered";
    case EventKind::trimmed:
      return "trimmed";
    case EventKind::standby_lost:
      return "standby_lost";
    case EventKind::standby_caught_up:
      return "standby_caught_up";
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
  if (ownership.truncated_objects > 0) {
    tell(EventKind::truncated_tail, next,
         fmt::format("cut {} object(s) off behind offset {}: the writer before never acknowledged them",
                     ownership.truncated_objects, next),
         {}, ownership.truncated_objects);
  }
  tell(EventKind::opened, next, fmt::format("the next record is offset {}", next));
}

bool EventReporter::observe(const protocol::WriterCore& core) {
  if (core.ending()) return false;
  if (!core.replicas().empty()) observe_standby(core);
  if (core.appender().durable_start_offset() != start_offset_) {
    start_offset_ = core.appender().durable_start_offset();
    tell(EventKind::trimmed, start_offset_, fmt::format("the log begins at offset {} now", start_offset_));
  }
  const bool slow = core.appender().waiting_for_store() || core.replicas().stalled();
  if (slow == slow_) return false;
  slow_ = slow;
  if (slow) {
    report_slowness(core);
  } else {
    tell(EventKind::recovered, core.replicas().committed_offset(), "the store works again");
  }
  return slow;
}

void EventReporter::report_slowness(const protocol::WriterCore& core) {
  std::optional<Error> complaint = core.appender().complaint();
  std::string where;
  if (const auto standby = core.replicas().complaint(); standby && !core.appender().waiting_for_store()) {
    complaint = standby->error;
    where = fmt::format("the standby, {}: ", standby->name);
  }
  const std::string why =
      complaint ? complaint->message() : "the oldest upload has had no answer for seconds";
  tell(EventKind::slowed_down, core.replicas().committed_offset(),
       fmt::format("waiting for the store: {}{}", where, why), std::move(complaint));
}

void EventReporter::observe_standby(const protocol::WriterCore& core) {
  const protocol::ReplicaStatus standby = core.replicas().status(0);
  if (standby.degraded == degraded_) return;
  degraded_ = standby.degraded;
  const std::string& name = core.replicas().name(0);
  const Offset durable = core.replicas().committed_offset();
  if (degraded_) {
    tell(EventKind::standby_lost, durable,
         fmt::format("goes on without the standby; {} has what is below offset {}: {}", name,
                     standby.durable_offset,
                     standby.waiting_for ? standby.waiting_for->message() : "it makes no progress"),
         standby.waiting_for);
  } else {
    tell(EventKind::standby_caught_up, durable,
         fmt::format("everything is in both stores again; the standby, {}, has caught up", name));
  }
}

void EventReporter::ended(const protocol::WriterCore& core) {
  const Offset durable = core.replicas().committed_offset();
  if (const std::optional<Error>& why = core.ending()) {
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
