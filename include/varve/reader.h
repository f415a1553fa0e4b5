// varve/reader.h - reading a log.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "varve/metrics.h"
#include "varve/result.h"
#include "varve/store.h"

namespace varve {

/// One record, in place: `data` points into the fetched object.
struct Record {
  Offset offset = 0;
  std::span<const std::byte> data;
  std::int64_t time_unix_ms = 0;  ///< when the writer closed this record's batch, by its clock
};

struct ReaderOptions {
  /// The first record wanted. Unset: the log's start. The end offset itself is valid (nothing yet).
  std::optional<Offset> from = {};

  /// Or: begin with the first record whose `time_unix_ms` is this or later, at the end if there is
  /// none. Goes by the writers' clocks; where those stepped back it finds one of the places.
  std::optional<std::int64_t> since_unix_ms = {};

  /// Or: begin so many records before the end; at the start if there are fewer.
  std::optional<std::uint64_t> last = {};

  /// False: `next` ends at the log's present tail. True: it waits there for more.
  bool follow = false;

  /// How many bytes are fetched ahead of the object being read at most (one object always may be). Compressed
  /// ones count as they are stored: only the object being read is decompressed, into memory of its own.
  std::size_t read_ahead_bytes = std::size_t{64} << 20;

  /// How many GETs are in flight at most. 1 to 256.
  std::uint32_t read_ahead_objects = 16;

  /// While following: the pause before the next poll of the store, after a poll that found nothing. The pause
  /// grows by an eighth each time, up to `poll_max_ms`, and falls back when a record comes. So it is about an
  /// eighth of the time without records. Each is 1 to 60,000; a `poll_max_ms` below `poll_ms` counts as
  /// `poll_ms`. What polls cost: docs/operations.md, "Cost".
  std::uint32_t poll_ms = 100;
  std::uint32_t poll_max_ms = 1000;

  /// How long one request is tried again after errors that may pass. Then `open` or `next` returns the
  /// error. 0: for ever.
  std::uint32_t give_up_ms = 60'000;
};

/// A place in the history of a log: `history` ties the offset to the records before it. The same offset of a
/// log that was restored from an older copy, and written on, has another.
struct ReadMark {
  Offset offset = 0;
  std::uint64_t history = 0;  ///< of no meaning by itself (docs/protocol.md, Cursors)
};

/// Reads a log in offset order, without a writer's help, while others write and trim. What it has
/// returned never changes and nothing is skipped; every record's checksum is verified always.
///
/// Thread-safety: one thread at a time, except `stop`, `wake` and `metrics`, which any thread may call.
/// A record's memory is valid until the next call of `next`, or for as long as a `pin()` taken
/// before that call lives.
class Reader {
 public:
  /// Errors: `not_found` (no log there), `out_of_range` (below the start or beyond the end; carries
  /// the valid range), `corruption`, `foreign`, `unsupported`, `denied`, `unavailable`.
  static Result<std::unique_ptr<Reader>> open(LogAddress log, ReaderOptions options = {});

  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// The next record. Nothing at the tail, or after `stop`; with `follow` only after `stop` or when
  /// `timeout` has passed (call again). Without `follow`, `timed_out` says the latter. A check
  /// whether the log goes on may overrun `timeout` by two seconds.
  ///
  /// Errors leave the reader where it is. `out_of_range`: the log was trimmed past this reader, or so much of
  /// it that nothing ties what follows to what was read; its range begins where reading may resume.
  /// `corruption` names object and offset; what came before has been returned. `foreign`: another log stands
  /// here by now, or this one was put back to an older state and written on. `not_found`: it was deleted.
  /// `unsupported`, `denied`, `unavailable`.
  Result<std::optional<Record>> next(std::chrono::milliseconds timeout = std::chrono::milliseconds::max());

  /// Keeps the memory of the record returned last alive.
  [[nodiscard]] std::shared_ptr<const void> pin() const;

  /// The offset that `next` will return.
  [[nodiscard]] Offset position() const noexcept;

  /// The place after the record that `next` returned last; nothing before the first one. For
  /// `Cursors::advance`.
  [[nodiscard]] std::optional<ReadMark> mark() const noexcept;

  /// Ends a waiting `next`, now or at its next call, without a record.
  void stop() noexcept;

  /// Says that the log has grown: a follower that pauses between polls asks at once. For readers in a
  /// process that hears of it. (A `Writer` in the same process, on the same `Store` object, does it by
  /// itself.) Any thread, any number of times; costs a request if the log has not grown.
  void wake() noexcept;

  /// What it has done so far. Costs some microseconds and disturbs nobody.
  [[nodiscard]] ReaderMetrics metrics() const;

 private:
  class Impl;
  explicit Reader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace varve
