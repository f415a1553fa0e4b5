// varve/writer.h - appending to a log.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "varve/event.h"
#include "varve/metrics.h"
#include "varve/result.h"
#include "varve/store.h"

namespace varve {

/// The largest record, in bytes (64 MiB). The smallest record is empty.
inline constexpr std::size_t max_record_bytes = std::size_t{64} << 20;

/// How a writer compresses batches before it uploads them. Each object says how it is; readers need not be
/// told. Programs older than compression refuse such objects as made by a newer program.
enum class Compression : std::uint8_t {
  none,      ///< stored as appended, uploaded from where it was appended
  lz4,       ///< little CPU
  zstd,      ///< smaller, more CPU
  adaptive,  ///< by what is cheapest now: CPU, the line to the store, or neither (docs/architecture.md)
};

/// The enumerator's name: "adaptive".
[[nodiscard]] std::string_view to_string(Compression compression) noexcept;

/// What a writer with a standby does while the standby does not work.
enum class OnStandbyLoss : std::uint8_t {
  wait,     ///< acknowledges only what both stores have: appends wait, and the writer ends after `give_up_ms`
  degrade,  ///< acknowledges what the first store has, and reports it, until the standby has caught up
  stop [[deprecated("say wait")]] = wait,         // old spelling
  go_on [[deprecated("say degrade")]] = degrade,  // old spelling
};

using WhenSecondIsAway [[deprecated("say OnStandbyLoss")]] = OnStandbyLoss;  // old spelling

/// How a writer collects, uploads, waits and gives up. The defaults suit S3.
struct WriterOptions {
  /// A batch is uploaded when this much is collected. 64 KiB to 64 MiB. A larger record travels
  /// in an object of its own.
  std::size_t batch_bytes = std::size_t{8} << 20;

  /// How long a record may wait for company while other uploads are outstanding. 0 to 60,000.
  /// With none outstanding it is uploaded at once.
  std::uint32_t linger_ms = 2;

  /// Bounds what small batches cost: uploads of batches that are not full, per second, sustained.
  /// 0 means no bound. Unset: 100 where requests cost money (`Store::requests_are_priced`), no
  /// bound elsewhere. Full batches are never held back; they use the allowance up.
  std::optional<double> puts_per_second = {};

  /// How many uploads may exceed that rate after a quiet time. At least 1.
  double put_burst = 200;

  /// W: the number of objects that may be in flight. Fixed for ever when the log is created;
  /// later opens take the log's own. 1 to 1024.
  std::uint32_t window = 64;

  /// How many objects are uploaded at once, at most. 0: as many as the window holds. An object that has
  /// landed behind a slower one no longer counts: with a window of four times this, and buffers for
  /// as much, order costs no throughput on stores whose latency varies (docs/performance.md).
  std::uint32_t uploads_max = 0;

  /// Bytes appended and not yet acknowledged that the writer holds at most, its own overhead
  /// included; at least `batch_bytes`. Beyond it, `append` says `over_capacity`. The process uses
  /// at most this + (window + 2) x batch_bytes for buffers.
  std::size_t buffered_bytes_max = std::size_t{512} << 20;

  /// Batches that do not shrink are stored as they are, whatever this says. Costs threads, one for each
  /// core up to four, and some MiB for each; batches are compressed where they lie, so no other memory.
  Compression compression = Compression::none;

  /// With `zstd`, how thorough: -7 (fast) to 19. 0: zstd's usual, 3. With others it means nothing.
  int compression_level = 0;

  /// How long one object's upload is tried before the writer ends. 0: for ever. With `OnStandbyLoss::wait`
  /// the same limit holds for a standby that makes no progress.
  std::uint32_t give_up_ms = 120'000;

  /// How long `Writer::open` tries. This includes the time that the standby needs to catch up. 0: for ever.
  std::uint32_t open_timeout_ms = 60'000;

  /// A checkpoint (a hint that makes opening fast; one PUT) is written every so many objects, and
  /// at `close`. 0: only at `close`.
  std::uint32_t checkpoint_every_objects = 512;

  /// A standby for the log. A record is acknowledged when both stores have it. The standby holds a
  /// mirror of the log (docs/protocol.md, Standby). The place must be empty, or hold a mirror of this log. It
  /// should be in another store, so that it outlives the first. If the first is lost, `promote` the standby:
  /// it has all acknowledged records. The first store alone decides who owns the log. Every writer of the log
  /// needs this option; a writer without it leaves the standby behind. Costs per batch: one more PUT, no GET,
  /// and the standby's latency after the first's. Also one thread.
  std::optional<LogAddress> standby = {};

  /// What to do while the standby does not answer, is full, or refuses. A standby that was promoted, or that
  /// is no mirror of this log, is another matter: the writer ends or does not open (`fenced`, `foreign`).
  OnStandbyLoss on_standby_loss = OnStandbyLoss::wait;

  /// With `degrade`: how long an object waits for a standby that makes no progress. After that the writer
  /// goes on with the first store alone. 1 to 3,600,000. Memory: uploads to the standby then have their own
  /// buffers, at most 256 MiB or `buffered_bytes_max`, whichever is less.
  std::uint32_t standby_patience_ms = 10'000;

  /// Fail with `not_found` instead of creating a log that does not exist.
  bool must_exist = false;

  /// Told what happens to the writer. See `EventCallback` for what it may do.
  EventCallback on_event = {};
};

/// What to call when an append has ended: any callable that takes `const Result<Offset>&` (the
/// first offset of the appended records), is trivially copyable and at most two pointers large, so
/// that no append allocates. Capture a pointer to anything larger.
///
/// It runs on a thread of the library, in offset order, exactly once, and must not throw. It should be short:
/// the next one of this writer waits for it. While the callbacks of two writers block, the callbacks of all
/// other writers wait; uploads go on. A call of this library that waits in a callback does not count as
/// blocking: another thread takes over meanwhile.
///
/// It may append. A call of the same writer that would have to wait (`append_wait` and its like without room,
/// `flush`, `wait_durable`, `trim`, `close`) is refused at once, without effect. It may destroy the writer:
/// see `~Writer`.
class AppendCallback {
 public:
  AppendCallback() = default;

  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, AppendCallback> && std::invocable<F&, const Result<Offset>&>)
      AppendCallback(F callable) {  // NOLINT(google-explicit-constructor): a lambda is the usual argument
    static_assert(sizeof(F) <= sizeof(storage_) && alignof(F) <= alignof(void*),
                  "an append callback may capture two pointers at most");
    static_assert(std::is_trivially_copyable_v<F> && std::is_trivially_destructible_v<F>,
                  "an append callback must be trivially copyable: capture pointers or numbers");
    std::memcpy(storage_, &callable, sizeof(F));
    invoke_ = [](void* storage, const Result<Offset>& result) { (*static_cast<F*>(storage))(result); };
  }

  explicit operator bool() const noexcept { return invoke_ != nullptr; }
  void operator()(const Result<Offset>& result) { invoke_(storage_, result); }

 private:
  using Invoke = void (*)(void*, const Result<Offset>&);
  Invoke invoke_ = nullptr;
  alignas(void*) std::byte storage_[2 * sizeof(void*)]{};
};

class Writer;

/// A place in the upload buffer, claimed for one record: write into `bytes()`, then `commit`.
/// Movable, not thread-safe, must not outlive its writer. Its batch cannot be uploaded before it
/// is committed: commit soon. Destroyed without `commit`, it becomes an empty record (its offset
/// is taken already, and offsets have no gaps).
class Reservation {
 public:
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation();

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] Offset offset() const noexcept { return offset_; }

  /// Publishes the first `used` bytes (at most `bytes().size()`) as the record. Once only: more bytes, a
  /// second call, or one after a move is a defect of the program, which it ends with a message.
  void commit(std::size_t used, AppendCallback callback = {});

 private:
  friend class Writer;
  Reservation() = default;
  std::span<std::byte> bytes_;
  Offset offset_ = 0;
  void* batch_ = nullptr;  // null when moved from or committed
  std::uint64_t index_ = 0;
  std::uint64_t position_ = 0;
  Writer* writer_ = nullptr;
};

/// What a trim did.
struct TrimReport {
  Offset start_offset = 0;            ///< the log's first offset now
  std::uint64_t objects_deleted = 0;  ///< in this call
  std::uint64_t objects_left = 0;     ///< could not be deleted now; the next trim or open tries again
};

struct TrimOptions {
  /// The operator's word that no writer of this log sleeps longer than this many days and wakes
  /// again: seals below the trim point that are older may go too. 0 (default): no such word, they
  /// stay for ever (docs/protocol.md, "Seals are never deleted"). Wrong, it can lose data; a wrong clock of
  /// one machine can not: a seal is as old as two independent clocks show (the store's, and those of hosts
  /// that wrote the log). Where there is one clock, `Writer::trim` refuses the option (`invalid_argument`).
  std::uint32_t no_writer_sleeps_days = 0;

  /// How long `Writer::trim` tries; what is undone by then is left to the next. 0: for ever.
  std::uint32_t timeout_ms = 60'000;
};

/// How far a writer's standby is.
struct StandbyStatus {
  std::string name;           ///< the store and the log's path in it
  Offset durable_offset = 0;  ///< the standby has every record below
  /// The writer acknowledged records that the standby does not have. True until the standby has them all.
  /// Only with `degrade`.
  bool degraded = false;
  std::int64_t degraded_since_unix_ms = 0;
  std::uint64_t unreplicated_records = 0;  ///< acknowledged, and not known to be in the standby
  std::optional<Error> waiting_for = {};   ///< the newest error of the standby
};

using SecondStatus [[deprecated("say StandbyStatus")]] = StandbyStatus;  // old spelling

/// The state of a writer, a consistent-enough snapshot for people and dashboards.
struct WriterStatus {
  Offset start_offset = 0;
  Offset durable_offset = 0;  ///< every record below is acknowledged; with a standby, both stores have it
  Offset end_offset = 0;      ///< the next record's offset
  std::uint64_t epoch = 0;
  std::uint32_t window = 0;
  std::uint32_t uploads_in_flight = 0;
  std::uint64_t buffered_bytes = 0;
  std::uint64_t objects_acknowledged = 0;
  std::uint64_t put_retries = 0;
  /// The oldest upload failed and is tried again, or it has had no answer for seconds, or the standby has
  /// made no progress for seconds.
  bool waiting_for_store = false;
  std::optional<StandbyStatus> standby = {};  ///< with `WriterOptions::standby`
  std::optional<Error> failure = {};          ///< why the writer ended: fenced, gave up, corruption, closed
};

/// The one writer of a log. Opening takes the log over: the writer before it, wherever it runs,
/// can never acknowledge anything again.
///
/// Thread-safety: all functions may be called from any thread at once. Appends do not lock: one
/// atomic add claims a record's place; at the end of a batch one thread installs the next buffer
/// and the others wait for it.
///
/// Threads: all writers of a process share a few, however many writers there are. At most four drive uploads.
/// At most two run callbacks and resume coroutines. They start when they are needed, and end with the last
/// writer.
///
/// A failure is for good: after `fenced`, `corruption`, or giving up, every append fails with that
/// error, and has had no effect; open again to go on.
///
/// Time: a call with a timeout returns when that is over (`trim` and `close` up to 100 ms later), whatever
/// the store, other calls, callbacks and reservations do meanwhile.
class Writer {
 public:
  /// Recovers the log and takes it over; creates it if there is none. Blocks.
  /// Errors: `invalid_argument`, `fenced` (another opener won), `corruption` (acknowledged data is
  /// missing or damaged; the message names it), `foreign`, `unsupported`, `denied`, `unavailable`,
  /// `timed_out`, `not_found` (with `must_exist`).
  /// The standby is checked before any writer is fenced. Its errors: `foreign` (it holds another log),
  /// `fenced` (it is a log of its own), `out_of_range` (the first was trimmed past its end), and with `wait`
  /// also `unavailable` and `timed_out` (it has not caught up yet).
  static Result<std::unique_ptr<Writer>> open(LogAddress log, const WriterOptions& options = {});

  /// Closes, and waits up to one second for that, then waits for callbacks that still run. Call `close` to
  /// know how it went. No other call may run, and no reservation may be open. A reservation that is still
  /// open after that time ends the process with a message. In a callback of this writer the destructor does
  /// not wait: the writer ends by itself, and callbacks that are due come after the destructor has returned.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Copies `record` into the current batch and returns its offset at once. It is durable when the
  /// callback says so, or `wait_durable(offset + 1)` returns. Never blocks on the store.
  /// A failed call has no effect and does not call `callback`. Errors: `over_capacity`,
  /// `invalid_argument` (too large), or the writer's end (`fenced`, `closed`, ...).
  Result<Offset> append(std::span<const std::byte> record, AppendCallback callback = {});

  /// All of `records`, at consecutive offsets, in one object, in one step: one claim, one callback
  /// (with the first offset). Together at most `batch_bytes` unless it is a single record.
  Result<Offset> append_batch(std::span<const std::span<const std::byte>> records,
                              AppendCallback callback = {});

  /// As `append` and `append_batch`, but wait while the writer is over capacity, until `timeout`
  /// (`timed_out`).
  Result<Offset> append_wait(std::span<const std::byte> record, std::chrono::milliseconds timeout,
                             AppendCallback callback = {});
  Result<Offset> append_batch_wait(std::span<const std::span<const std::byte>> records,
                                   std::chrono::milliseconds timeout, AppendCallback callback = {});

  /// As `append`; the future has the outcome. Allocates (a std::future must).
  std::future<Result<Offset>> append_future(std::span<const std::byte> record);

  /// `Result<Offset> r = co_await writer.append_async(record);` appends (and copies `record`) at the
  /// `co_await`, and resumes with the outcome on the thread of callbacks, under the rules of
  /// `AppendCallback`. No allocation.
  class AppendAwaiter;
  [[nodiscard]] AppendAwaiter append_async(std::span<const std::byte> record);

  /// Claims room for a record of up to `bytes` bytes to be written in place: no copy at all.
  /// Errors as `append`, and as `append_wait` if it waits.
  Result<Reservation> reserve(std::size_t bytes);
  Result<Reservation> reserve_wait(std::size_t bytes, std::chrono::milliseconds timeout);

  /// Uploads what is collected without waiting for company, and waits until everything appended
  /// before the call is durable. Errors: the writer's end, `timed_out`.
  Result<void> flush(std::chrono::milliseconds timeout = std::chrono::milliseconds::max());

  /// Waits until every record below `offset` is durable (in both stores, if there are two and nothing else
  /// was said by an event). Does not hurry them.
  Result<void> wait_durable(Offset offset,
                            std::chrono::milliseconds timeout = std::chrono::milliseconds::max());

  /// Makes `before` the log's start: durable first, then objects wholly below it are deleted.
  /// `before` below the present start is a no-op that finishes earlier deletions; above the durable
  /// offset it is `out_of_range`. Blocks; appends go on meanwhile. `timed_out`: the new start may
  /// become durable yet. Once it is, failed deletions are no error: see `TrimReport::objects_left`.
  Result<TrimReport> trim(Offset before, TrimOptions options = {});

  /// Stops accepting, waits for what was appended, marks the end of this epoch in the log and
  /// writes a checkpoint. On `timed_out` what is still in flight ends as `unknown`. Idempotent. Where a
  /// reservation is open or a callback runs when the time is over, the writer ends once that is done. In a
  /// callback of this writer: `invalid_argument`, and nothing has happened.
  Result<void> close(std::chrono::milliseconds timeout = std::chrono::milliseconds::max());

  [[nodiscard]] WriterStatus status() const;

  /// What it has done so far. Costs some microseconds and disturbs nobody.
  [[nodiscard]] WriterMetrics metrics() const;

 private:
  friend class Reservation;
  class Impl;
  explicit Writer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// See `Writer::append_async`.
class Writer::AppendAwaiter {
 public:
  AppendAwaiter(Writer& writer, std::span<const std::byte> record) : writer_(writer), record_(record) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = waiting;
    const Result<Offset> appended = writer_.append(record_, [this](const Result<Offset>& outcome) {
      outcome_ = outcome;
      waiting_.resume();
    });
    // Appended: the callback may have resumed us on another thread already; touch nothing.
    if (appended) return true;
    outcome_ = appended;
    return false;
  }
  Result<Offset> await_resume() { return *std::move(outcome_); }

 private:
  Writer& writer_;
  std::span<const std::byte> record_;
  std::coroutine_handle<> waiting_;
  std::optional<Result<Offset>> outcome_;
};

inline Writer::AppendAwaiter Writer::append_async(std::span<const std::byte> record) {
  return {*this, record};
}

}  // namespace varve
