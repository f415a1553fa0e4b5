// varve/event.h - what happens to a writer, told as it happens.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "varve/result.h"

namespace varve {

/// What happened. Those from `fenced` on end the writer.
enum class EventKind : std::uint8_t {
  sealed,             ///< the log is taken over: a new epoch, every writer before this one is fenced
  truncated_tail,     ///< `open` cut off `Event::objects` objects that nobody had acknowledged
  opened,             ///< ready to append, at `Event::offset`
  slowed_down,        ///< the oldest upload failed and is tried again, or has had no answer for seconds
  recovered,          ///< after `slowed_down`: the store does its work again
  trimmed,            ///< the log begins at `Event::offset` now, durably; deletions follow
  standby_lost,       ///< from `Event::offset` on, records are acknowledged that only the first store has
  standby_caught_up,  ///< after `standby_lost`: both stores have all acknowledged records again
  fenced,             ///< another writer owns the log
  gave_up,            ///< the store failed for `WriterOptions::give_up_ms`, or for longer than `close` waited
  failed,             ///< ended by another error: `Event::error`
  closed,             ///< closed in order, everything is durable
  cut_tail [[deprecated("say truncated_tail")]] = truncated_tail,           // old spelling
  second_away [[deprecated("say standby_lost")]] = standby_lost,            // old spelling
  second_back [[deprecated("say standby_caught_up")]] = standby_caught_up,  // old spelling
};

/// The field's name, as in logs: "truncated_tail".
[[nodiscard]] std::string_view to_string(EventKind kind) noexcept;

struct Event {
  EventKind kind = EventKind::opened;
  std::string log;            ///< the store and the log's path in it: "s3://bucket/orders"
  std::string message;        ///< for people: one line, with what to do if there is something
  std::uint64_t epoch = 0;    ///< of the writer that this happened to
  Offset offset = 0;          ///< the durable offset, unless the kind says otherwise
  std::uint64_t objects = 0;  ///< with `truncated_tail`
  std::optional<Error> error =
      {};  ///< with `slowed_down` if the store said something, and with those that end a writer
};

/// Called with the events of a writer one after the other: the first ones (up to `opened`) by the thread
/// that calls `Writer::open`, before that returns; all others by the thread that drives uploads.
/// It must be quick, since the writer's uploads wait meanwhile, and those of other writers once it holds all
/// threads that drive uploads. It must not throw, and should not call the writer: calls that would wait are
/// refused, as in an `AppendCallback`.
using EventCallback = std::function<void(const Event&)>;

}  // namespace varve
