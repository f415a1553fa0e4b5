// varve/consumer.h - reading a log under a name: from where its cursor is, which moves on with the work.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "varve/cursor.h"
#include "varve/reader.h"
#include "varve/result.h"
#include "varve/store.h"

namespace varve {

struct ConsumerOptions {
  /// The cursor is moved after this many records are done. 0: no limit by number.
  std::uint64_t commit_every_records = 10'000;

  /// It is also moved this long after the first record that is done and not committed. 0: no limit by time.
  std::uint32_t commit_every_ms = 5'000;

  /// A log that was trimmed past the cursor: false, `open` and `next` say so; true, they go on where the
  /// log begins now, and `skipped` counts what was missed.
  bool skip_trimmed = false;

  /// How the log is read. `from`, `since_unix_ms` or `last` say where a cursor begins that does not exist
  /// yet (default: the log's start). They are ignored for a cursor that exists.
  ReaderOptions reader = {};
};

/// Hands out the records from a named cursor's place on, and moves the cursor over those that the caller
/// calls done: never over others. So every record is handed out at least once, over any number of crashes;
/// those done and not committed yet are handed out again.
///
///     while (const auto record = consumer->next().value()) {
///       work_on(*record);
///       consumer->done(record->offset).value();
///     }
///     consumer->close().value();
///
/// One consumer works under a name at a time: if another moves the cursor, `done`, `next`, `commit` or
/// `close` says `fenced`, and so does every call after. (Both may have had the records in between.)
///
/// Thread-safety: one thread at a time, except `stop` and `wake`.
class Consumer {
 public:
  /// Finds the cursor, or creates it. Errors: as `Reader::open` and `Cursors::get`; `out_of_range` if the
  /// log was trimmed past the cursor: its range begins where reading may resume (see `skip_trimmed`).
  static Result<std::unique_ptr<Consumer>> open(LogAddress log, std::string name,
                                                ConsumerOptions options = {});

  /// Commits nothing: what is done and not committed will be handed out again. See `close`.
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  /// As `Reader::next`; what is due is committed meanwhile. Also errors: as `commit`; the record is then
  /// handed out by the next call.
  Result<std::optional<Record>> next(std::chrono::milliseconds timeout = std::chrono::milliseconds::max());

  /// Every record up to this one, itself included, is done. Commits if that is due. Errors:
  /// `invalid_argument` for one that was not handed out, and as `commit`: it is done nevertheless.
  Result<void> done(Offset offset);

  /// Moves the cursor over all that is done. Errors: `fenced`; `unavailable`, `timed_out` and the like: it
  /// is tried again when next due.
  Result<void> commit();

  /// Commits and ends it. Errors: as `commit`.
  Result<void> close();

  /// Keeps the memory of the record handed out last alive.
  [[nodiscard]] std::shared_ptr<const void> pin() const;

  /// All below is done.
  [[nodiscard]] Offset done_below() const noexcept;
  /// All below is done, and will not be handed out again.
  [[nodiscard]] Offset committed_below() const noexcept;
  /// How many records were trimmed away before they were handed out.
  [[nodiscard]] std::uint64_t skipped() const noexcept;

  /// As of `Reader`.
  void stop() noexcept;
  void wake() noexcept;

 private:
  class Impl;
  explicit Consumer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace varve
