#include "varve/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/mutant.h"
#include "base/no_memory.h"
#include "log/append_notifier.h"
#include "log/front_door.h"
#include "log/log_store.h"
#include "log/read_position.h"
#include "protocol/reader_walk.h"
#include "read/open_object.h"
#include "read/progress.h"
#include "read/read_ahead.h"
#include "read/wake_up.h"

namespace varve {

using protocol::ReaderWalk;
using Phase = protocol::ReaderWalk::Phase;
using Clock = std::chrono::steady_clock;
using log::Deadline;

namespace {

// A look at the log takes a few round trips. It may overrun the caller's time by this much: cut off
// each time, it would never tell anything.
constexpr auto time_to_look = std::chrono::seconds(2);

std::uint64_t to_ms(Clock::time_point time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

}  // namespace

// Carries out what `ReaderWalk` decides: fetches, waits, and hands records out.
class Reader::Impl {
 public:
  Impl(log::LogStore log_store, const ReaderOptions& options);

  Result<void> open();
  Result<std::optional<Record>> next(std::chrono::milliseconds timeout);
  [[nodiscard]] std::shared_ptr<const void> pin() const { return object_.owner(); }
  [[nodiscard]] Offset position() const noexcept { return offset_; }
  [[nodiscard]] std::optional<ReadMark> mark() const noexcept { return mark_; }
  void stop() noexcept { wake_up_.stop(); }
  void wake() noexcept { wake_up_.wake(); }
  [[nodiscard]] ReaderMetrics metrics() const;

 private:
  /// What `find_records` returns with.
  enum class Halt : std::uint8_t { records, at_tail, out_of_time, stopped };

  Result<std::optional<Record>> next_in_object();
  Result<Halt> find_records(Deadline deadline);
  Result<std::optional<Halt>> fetch(Deadline deadline);
  Result<std::optional<Halt>> enter(const Bytes& object, Deadline deadline);
  Result<std::optional<Halt>> doubt(const Error& doubt, Deadline deadline);
  std::optional<Halt> pause(Deadline deadline);
  Result<void> ask(protocol::Requests first, Deadline deadline);
  [[nodiscard]] Error failure() const;

  const log::LogStore log_store_;
  const ReaderOptions options_;
  ReaderWalk walk_;
  read::ReadAhead read_ahead_;
  read::Progress progress_;
  read::OpenObject object_;
  Offset offset_ = 0;             // the next record's
  std::optional<ReadMark> mark_;  // behind the record returned last
  read::WakeUp wake_up_;
  std::optional<log::AppendNotifier::Listener> listener_;  // last: what it wakes is still there when it goes
};

Reader::Impl::Impl(log::LogStore log_store, const ReaderOptions& options)
    : log_store_(std::move(log_store)),
      options_(options),
      walk_({.offset = options.from, .since_unix_ms = options.since_unix_ms, .last = options.last},
            {.follow = options.follow, .poll_ms = options.poll_ms, .poll_max_ms = options.poll_max_ms}),
      read_ahead_(log_store_, {.bytes = options.read_ahead_bytes,
                               .objects = options.read_ahead_objects,
                               .give_up_ms = options.give_up_ms}) {}

Result<void> Reader::Impl::open() {
  if (const Result<void> asked = ask(walk_.start(), log::LogStore::after(options_.give_up_ms)); !asked) {
    const Error& error = asked.error();
    return error.code() == Code::timed_out ? Error(Code::unavailable, error.message()) : error;
  }
  if (walk_.phase() == Phase::failed) return failure();
  offset_ = walk_.offset();
  progress_.begins(offset_);
  if (options_.follow) {
    listener_.emplace(log::AppendNotifier::of(log_store_.address()), [this] { wake_up_.wake(); });
  }
  return {};
}

Result<std::optional<Record>> Reader::Impl::next(std::chrono::milliseconds timeout) {
  if (wake_up_.stopped().stop_requested() && wake_up_.take_stop()) return std::optional<Record>();
  read_ahead_.keep_going();
  std::optional<Deadline> deadline;
  while (true) {
    if (object_.is_open()) {
      Result<std::optional<Record>> record = next_in_object();
      if (!record || *record) return record;
    }
    if (!deadline) deadline = log::deadline_after(timeout);
    const Result<Halt> halt = find_records(*deadline);
    if (!halt) return halt.error();
    if (*halt == Halt::records) continue;
    wake_up_.take_stop();
    if (*halt == Halt::out_of_time && !options_.follow) {
      return Error(Code::timed_out,
                   fmt::format("{}: offset {} did not come within {} ms; call again",
                               log_store_.name_of(walk_.place().seq), offset_, timeout.count()));
    }
    return std::optional<Record>();
  }
}

Result<std::optional<Record>> Reader::Impl::next_in_object() {
  while (true) {
    const auto record = object_.next();
    if (!record) {
      progress_.damaged();
      return record.error().with_context(log_store_.name_of(object_.seq()));
    }
    if (!*record) break;
    if ((*record)->offset < offset_ && !mutated(Mutant::told_again)) continue;
    ++offset_;
    mark_ = ReadMark{.offset = offset_, .history = object_.history()};
    return Record{
        .offset = (*record)->offset, .data = (*record)->payload, .time_unix_ms = object_.time_unix_ms()};
  }
  object_.close();
  return std::optional<Record>();
}

// Goes on to the next object that has records.
Result<Reader::Impl::Halt> Reader::Impl::find_records(Deadline deadline) {
  object_.close();
  if (walk_.phase() != Phase::pausing) walk_.resume();
  while (true) {
    if (wake_up_.stopped().stop_requested()) return Halt::stopped;
    Result<std::optional<Halt>> halt = std::optional<Halt>();
    switch (walk_.phase()) {
      case Phase::fetching:
        halt = fetch(deadline);
        break;
      case Phase::pausing:
        halt = pause(deadline);
        break;
      case Phase::at_end:
        return Halt::at_tail;
      case Phase::failed:
      case Phase::asking:
        return failure();
    }
    if (!halt) return halt.error();
    if (*halt) return **halt;
  }
}

// Until it is time to poll again.
std::optional<Reader::Impl::Halt> Reader::Impl::pause(Deadline deadline) {
  const Clock::time_point now = base::now();
  const std::uint64_t now_ms = to_ms(now);
  if (now_ms >= walk_.resume_at_ms()) {
    walk_.resume();
    return std::nullopt;
  }
  if (deadline <= now) return Halt::out_of_time;
  const auto poll = now + std::chrono::milliseconds(walk_.resume_at_ms() - now_ms);
  if (wake_up_.rest_until(std::min(deadline, poll))) walk_.resume();
  return std::nullopt;
}

Result<std::optional<Reader::Impl::Halt>> Reader::Impl::fetch(Deadline deadline) {
  const Result<std::optional<Bytes>> object =
      read_ahead_.take(walk_.place().seq, deadline, wake_up_.stopped());
  if (object && *object) return enter(**object, deadline);
  if (object) return std::optional(wake_up_.stopped().stop_requested() ? Halt::stopped : Halt::out_of_time);
  if (object.error().code() != Code::not_found) return object.error();
  return doubt(object.error(), deadline);
}

// Takes `object` as the chain's next, if it is that.
Result<std::optional<Reader::Impl::Halt>> Reader::Impl::enter(const Bytes& object, Deadline deadline) {
  const Result<format::Header> header = format::decode_header(object.data);
  if (!header) progress_.damaged();
  const Result<protocol::Position> next = header ? walk_.fits(*header) : header.error();
  if (!next) return doubt(next.error(), deadline);
  const Offset first = std::max(header->first_offset, walk_.offset());
  const bool has_records = header->kind == format::Kind::data && header->end_offset() > first;
  // What may throw comes before the step: else the records here would be passed over.
  if (has_records) {
    if (const Result<void> opened = object_.open(object, *header, first); !opened) {
      if (opened.error().code() == Code::no_memory) return opened.error();
      progress_.damaged();
      return doubt(opened.error(), deadline);
    }
  }
  walk_.pass(*header, *next);
  if (!has_records) return std::optional<Halt>();
  offset_ = first;
  progress_.begun(first, header->end_offset() - first, object.data.size());
  return std::optional(Halt::records);
}

// Nothing is at the place, or not what belongs there: the walk judges, by what it asks for.
Result<std::optional<Reader::Impl::Halt>> Reader::Impl::doubt(const Error& doubt, Deadline deadline) {
  Deadline patience = log::LogStore::after(options_.give_up_ms);
  if (deadline < patience) patience = std::min(patience, std::max(deadline, base::now() + time_to_look));
  const Result<void> asked = ask(walk_.doubt(doubt, to_ms(base::now())), patience);
  progress_.walked(walk_.looks(), walk_.polls());
  if (!asked) {
    if (wake_up_.stopped().stop_requested()) return std::optional(Halt::stopped);
    if (asked.error().code() != Code::timed_out) return asked.error();
    if (base::now() >= deadline) return std::optional(Halt::out_of_time);
    return Error(Code::unavailable, asked.error().message());
  }
  if (walk_.phase() == Phase::fetching) read_ahead_.forget();
  return std::optional<Halt>();
}

Result<void> Reader::Impl::ask(protocol::Requests first, Deadline deadline) {
  const auto on = [this](const protocol::Reply& reply) { return walk_.on(reply, to_ms(base::now())); };
  return log_store_.drive(std::move(first), on, deadline, wake_up_.stopped());
}

Error Reader::Impl::failure() const {
  if (!walk_.error_names_object()) return read::named(walk_.error(), log_store_);
  return walk_.error().with_context(log_store_.name_of(walk_.place().seq));
}

ReaderMetrics Reader::Impl::metrics() const {
  ReaderMetrics metrics;
  progress_.fill(metrics);
  metrics.requests = log_store_.requests();
  metrics.store = log_store_.store().metrics();
  return metrics;
}

Result<std::unique_ptr<Reader>> Reader::open(LogAddress log, ReaderOptions options) {
  return log::with_store(log, [&]() -> Result<std::unique_ptr<Reader>> {
    if (options.read_ahead_objects < 1 || options.read_ahead_objects > 256) {
      return Error(Code::invalid_argument, "read_ahead_objects must be 1 to 256");
    }
    if (options.poll_ms < 1 || options.poll_ms > 60'000) {
      return Error(Code::invalid_argument, "poll_ms must be 1 to 60,000");
    }
    if (options.poll_max_ms < 1 || options.poll_max_ms > 60'000) {
      return Error(Code::invalid_argument, "poll_max_ms must be 1 to 60,000");
    }
    if (options.from.has_value() + options.since_unix_ms.has_value() + options.last.has_value() > 1) {
      return Error(Code::invalid_argument,
                   "from, since_unix_ms and last each say where to begin: set one of them");
    }
    auto impl = std::make_unique<Impl>(log::LogStore(std::move(log)), options);
    if (const Result<void> opened = impl->open(); !opened) return opened.error();
    return std::unique_ptr<Reader>(new Reader(std::move(impl)));
  });
}

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::~Reader() = default;

Result<std::optional<Record>> Reader::next(std::chrono::milliseconds timeout) {
  return with_memory([&] { return impl_->next(timeout); });
}
std::shared_ptr<const void> Reader::pin() const { return impl_->pin(); }
Offset Reader::position() const noexcept { return impl_->position(); }
std::optional<ReadMark> Reader::mark() const noexcept { return impl_->mark(); }
void Reader::stop() noexcept { impl_->stop(); }
void Reader::wake() noexcept { impl_->wake(); }
ReaderMetrics Reader::metrics() const { return impl_->metrics(); }

}  // namespace varve
