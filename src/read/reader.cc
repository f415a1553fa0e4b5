#include "varve/reader.h"
#include "base/clock.h"
#include "base/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <stop_token>
#include <utility>

#include "base/mutant.h"
#include "base/no_memory.h"
#include "format/records.h"
#include "log/append_notifier.h"
#include "log/front_door.h"
#include "log/log_store.h"
#include "log/read_position.h"
#include "protocol/locate.h"
#include "protocol/position.h"
#include "read/decompressed.h"
#include "read/polling.h"
#include "read/progress.h"
#include "read/read_ahead.h"

namespace varve {

using protocol::LogState;
using protocol::Position;
using protocol::ReaderStatus;
using Clock = std::chrono::steady_clock;
using Deadline = log::LogStore::Deadline;

namespace {

// Whoever only follows asks for the next object again and again; now and then it also makes sure
// that this is where the log grows.
constexpr std::uint32_t polls_between_judgements = 50;
constexpr auto time_between_judgements = std::chrono::seconds(10);
// But at a place that was judged the tail already, not before so many: a LIST costs twelve GETs.
constexpr std::uint32_t polls_trusted = 10;

// A look at the log takes a few round trips. It may overrun the caller's time by this much: cut off
// each time, it would never tell anything.
constexpr auto time_to_judge = std::chrono::seconds(2);

// A look at the log is not one moment: what one misses the next may see. After so many in a row that
// agree, it is searched for, and after so many the log is damaged.
constexpr std::uint32_t doubts_before_search = 2;
constexpr std::uint32_t doubts_before_damage = 3;
// And after so many that each led elsewhere, without a record or the tail between them.
constexpr std::uint32_t doubts_max = 16;

// What is kept of the memory that objects are decompressed into: enough for a usual one, and the next.
constexpr std::size_t kept_bytes_max = std::size_t{24} << 20;

// Records from `target` on, if the object, as it is stored, has an index that leads there; else from the
// front of `object`, which is decompressed.
format::RecordCursor cursor_near(std::span<const std::byte> stored, std::span<const std::byte> object,
                                 const format::Header& header, Offset target) {
  if (target > header.first_offset && stored.size() == header.object_bytes) {
    if (const auto index = format::decode_trailer(stored, header)) {
      const Offset wanted = target - header.first_offset;
      const auto after = std::ranges::upper_bound(*index, wanted, {}, &format::IndexEntry::record);
      if (after != index->begin()) {
        const format::IndexEntry from = *(after - 1);
        const format::IndexEntry to{.record = header.record_count,
                                    .position = static_cast<std::uint32_t>(header.body_end)};
        return {object.subspan(from.position, to.position - from.position), header, from, to};
      }
    }
  }
  return {object, header};
}

}  // namespace

class Reader::Impl {
 public:
  Impl(log::LogStore log_store, const ReaderOptions& options, const read::ReadPosition& place);

  Result<std::optional<Record>> next(std::chrono::milliseconds timeout);
  [[nodiscard]] std::shared_ptr<const void> pin() const { return object_.owner; }
  [[nodiscard]] Offset position() const noexcept { return offset_; }
  [[nodiscard]] std::optional<ReadMark> mark() const noexcept { return mark_; }
  void stop() noexcept;
  void wake() noexcept;
  [[nodiscard]] ReaderMetrics metrics() const;

 private:
  /// Why `find_records` returns without any.
  enum class Halt : std::uint8_t { none, at_tail, out_of_time, stopped };
  enum class Verdict : std::uint8_t { at_tail, look_again };

  Result<Halt> find_records(Deadline deadline);
  Result<bool> enter(const Bytes& object);
  void go_to(const read::ReadPosition& place);

  [[nodiscard]] bool trusts_the_tail() const;
  Result<Verdict> judge(const Error& doubt, Deadline deadline);
  Result<bool> nothing_follows(const read::WaitLimit& patience) const;
  Result<Verdict> search(const Error& doubt, const read::WaitLimit& patience);
  [[nodiscard]] Error trimmed(const LogState& view) const;
  [[nodiscard]] Error damaged_object(const Error& doubt) const;
  [[nodiscard]] Error damaged_record(const Error& error) const;

  void rest_until(Deadline time);
  bool take_stop();

  const log::LogStore log_store_;
  const ReaderOptions options_;
  read::ReadAhead read_ahead_;
  read::Progress progress_;

  Offset offset_;              // the next record's
  Position at_;                // the place after the object being read
  std::optional<Seq> before_;  // the chain object before `at_`, if it was seen
  Bytes object_;               // being read
  std::shared_ptr<object_store::BodyMemory> memory_ =
      object_store::BodyMemory::create(kept_bytes_max);  // of `object_`
  Seq object_seq_ = 0;
  std::optional<format::RecordCursor> cursor_;  // in `object_`
  std::int64_t time_unix_ms_ = 0;               // of `object_`
  std::uint64_t history_ = 0;                   // the hash of its header
  std::optional<ReadMark> mark_;                // behind the record returned last

  std::uint32_t doubts_ = 0;        // looks at the log since records came, or the tail
  std::uint32_t polls_ = 0;         // finding nothing, since the tail was last judged
  Clock::time_point judged_at_{};   // when `at_`, or what led to it, was last judged the tail
  std::optional<Seq> judged_tail_;  // the place that was
  read::Polling polling_;
  Clock::time_point next_poll_{};

  std::mutex wake_mutex_;
  base::StoppableCondition woken_;
  bool awake_ = false;

  std::mutex stop_mutex_;
  std::stop_source stop_source_;  // replaced, by the reading thread, when it has served
  std::stop_token stop_token_;    // the reading thread's own

  std::optional<log::AppendNotifier::Listener> listener_;  // last: what it wakes is still there when it goes
};

Reader::Impl::Impl(log::LogStore log_store, const ReaderOptions& options, const read::ReadPosition& place)
    : log_store_(std::move(log_store)),
      options_(options),
      read_ahead_(log_store_, {.bytes = options.read_ahead_bytes,
                               .objects = options.read_ahead_objects,
                               .give_up_ms = options.give_up_ms}),
      progress_(place.offset),
      offset_(place.offset),
      polling_(options.poll_ms, options.poll_max_ms),
      stop_token_(stop_source_.get_token()) {
  go_to(place);
  if (options.follow) listener_.emplace(log::AppendNotifier::of(log_store_.address()), [this] { wake(); });
}

void Reader::Impl::go_to(const read::ReadPosition& place) {
  at_ = place.at;
  before_.reset();
  if (at_ == place.view.tail) before_ = place.view.newest.seq;
  read_ahead_.forget();
}

Result<std::optional<Record>> Reader::Impl::next(std::chrono::milliseconds timeout) {
  if (stop_token_.stop_requested() && take_stop()) return std::optional<Record>();
  read_ahead_.keep_going();
  std::optional<Deadline> deadline;
  while (true) {
    while (cursor_) {
      const auto record = cursor_->next();
      if (!record) {
        progress_.damaged();
        return damaged_record(record.error());
      }
      if (!*record) {
        cursor_.reset();
        break;
      }
      if ((*record)->offset < offset_ && !mutated(Mutant::told_again)) continue;
      ++offset_;
      mark_ = ReadMark{.offset = offset_, .history = history_};
      return Record{.offset = (*record)->offset, .data = (*record)->payload, .time_unix_ms = time_unix_ms_};
    }
    if (!deadline) deadline = log::deadline_after(timeout);
    const Result<Halt> halt = find_records(*deadline);
    if (!halt) return halt.error();
    if (*halt == Halt::none) continue;
    take_stop();
    if (*halt == Halt::out_of_time && !options_.follow) {
      return Error(Code::timed_out, fmt::format("{}: offset {} did not come within {} ms; call again",
                                                log_store_.name_of(at_.seq), offset_, timeout.count()));
    }
    return std::optional<Record>();
  }
}

// Walks the chain on to the next object that has records.
Result<Reader::Impl::Halt> Reader::Impl::find_records(Deadline deadline) {
  object_ = {};
  while (true) {
    if (stop_token_.stop_requested()) return Halt::stopped;
    if (base::now() < next_poll_) {
      if (deadline <= base::now()) return Halt::out_of_time;
      rest_until(std::min(deadline, next_poll_));
      continue;
    }
    Result<std::optional<Bytes>> object = read_ahead_.take(at_.seq, deadline, stop_token_);
    std::optional<Error> doubt;
    if (!object) {
      if (object.error().code() != Code::not_found) return object.error();
      doubt = object.error();
      if (trusts_the_tail()) {
        ++polls_;
        progress_.polled();
        next_poll_ = base::now() + std::chrono::milliseconds(polling_.found_nothing());
        continue;
      }
    } else if (!*object) {
      return stop_token_.stop_requested() ? Halt::stopped : Halt::out_of_time;
    } else {
      const Result<bool> entered = enter(**object);
      if (entered && *entered) return Halt::none;
      if (entered) continue;
      if (entered.error().code() == Code::no_memory) return entered.error();
      doubt = entered.error();
    }
    const Result<Verdict> verdict = judge(*doubt, deadline);
    if (!verdict) {
      if (stop_token_.stop_requested()) return Halt::stopped;
      if (verdict.error().code() != Code::timed_out) return verdict.error();
      if (base::now() >= deadline) return Halt::out_of_time;
      return Error(Code::unavailable, verdict.error().message());
    }
    if (*verdict == Verdict::look_again) continue;
    doubts_ = 0;
    polls_ = 0;
    judged_at_ = base::now();
    judged_tail_ = at_.seq;
    progress_.polled();
    if (!options_.follow) return Halt::at_tail;
    next_poll_ = judged_at_ + std::chrono::milliseconds(polling_.found_nothing());
  }
}

// Takes `object`, found at `at_`, as the chain's next: true if it has records. An error says that it
// is not what belongs there.
Result<bool> Reader::Impl::enter(const Bytes& object) {
  const Result<format::Header> header = format::decode_header(object.data);
  if (!header) {
    progress_.damaged();
    return header.error();
  }
  if (mutated(Mutant::hole_skipped) && !at_.linked) {
    at_ = protocol::position_of(*header);
    offset_ = std::max(offset_, at_.offset);
  }
  const Result<Position> next = step(at_, *header);
  if (!next) return next.error();
  const bool has_records = header->kind == format::Kind::data && header->end_offset() > offset_;
  // What may throw comes before the first step: else the records here would be passed over.
  Bytes readable;
  if (has_records) {
    Result<Bytes> found = read::unpacked(object, *header, *memory_);
    if (!found) {
      if (found.error().code() != Code::no_memory) progress_.damaged();
      return found.error();
    }
    readable = *std::move(found);
    cursor_.emplace(cursor_near(object.data, readable.data, *header, offset_));
  }
  before_ = at_.seq;
  at_ = *next;
  object_seq_ = header->seq;
  next_poll_ = {};
  polling_.found_something();
  if (!has_records) return false;
  doubts_ = 0;
  time_unix_ms_ = header->created_unix_ms;
  history_ = next->previous_hash;
  object_ = std::move(readable);
  const Offset wanted = std::max(header->first_offset, offset_);
  progress_.begun(wanted, header->end_offset() - wanted, object.data.size());
  return true;
}

bool Reader::Impl::trusts_the_tail() const {
  if (!options_.follow || doubts_ > 0 || polls_ >= polls_between_judgements) return false;
  const bool judged_here = judged_tail_ == at_.seq;
  return base::now() - judged_at_ < time_between_judgements || (judged_here && polls_ < polls_trusted);
}

// Nothing is at `at_`, or not what belongs there. Is that the tail, was the log trimmed past us, did
// we follow something that is not on the chain (an opener's late seal in a place trimmed away), or
// is the log damaged?
Result<Reader::Impl::Verdict> Reader::Impl::judge(const Error& doubt, Deadline deadline) {
  judged_at_ = {};
  judged_tail_.reset();
  read::WaitLimit patience{.deadline = log::LogStore::after(options_.give_up_ms), .stop = stop_token_};
  if (deadline < patience.deadline) {
    patience.deadline = std::min(patience.deadline, std::max(deadline, base::now() + time_to_judge));
  }
  const bool absent = doubt.code() == Code::not_found;
  if (absent && mutated(Mutant::hole_ends_reading)) return Verdict::at_tail;
  if (absent && doubts_ == 0) {
    const Result<bool> tail = nothing_follows(patience);
    if (!tail) return tail.error();
    if (*tail) return Verdict::at_tail;
  }
  const Result<LogState> view = read::read_log_state(log_store_, patience);
  if (!view) return view.error();
  ++doubts_;
  progress_.looked();
  Position reader = at_;
  reader.offset = std::max(at_.offset, offset_);
  if (mutated(Mutant::hole_skipped) && absent && view->tail.seq > at_.seq) {
    ++at_.seq;
    at_.linked = false;
    return Verdict::look_again;
  }
  switch (protocol::reader_status(reader, *view)) {
    case ReaderStatus::at_tail:
      if (absent) return Verdict::at_tail;
      break;
    case ReaderStatus::trimmed:
      return trimmed(*view);
    case ReaderStatus::lost:
      return Error(Code::corruption,
                   fmt::format("{}: the log ends at offset {}, but offset {} has been read from it: its end "
                               "is lost; restore it from a copy",
                               read::name_of(log_store_.address()), view->tail.offset, offset_));
    case ReaderStatus::relocate:
      return search(doubt, patience);
    case ReaderStatus::look_again:
      break;
  }
  if (doubts_ >= doubts_before_search) return search(doubt, patience);
  read_ahead_.forget();
  return Verdict::look_again;
}

// The object before us is there, and nothing behind it: that is the tail, for what is newest is never
// deleted. (Behind a seal its void may hold something; but then, so may the chain, if the seal was put
// late into a place trimmed away. A survey tells.) One LIST instead of a survey.
Result<bool> Reader::Impl::nothing_follows(const read::WaitLimit& patience) const {
  if (!before_) return false;
  bool nothing = false;
  const auto on = [&](const protocol::Reply& page) {
    nothing =
        !page.error && !page.truncated && page.listed.size() == 1 && page.listed.front().seq == *before_;
    return protocol::Requests();
  };
  const auto request = protocol::Request::make(protocol::Request::Kind::list, *before_, 2);
  const Result<void> driven = log_store_.drive({request}, on, patience.deadline, patience.stop);
  if (!driven) return driven.error();
  return nothing;
}

// Looks for the place of our offset. If that is where we are, then the log is damaged here.
Result<Reader::Impl::Verdict> Reader::Impl::search(const Error& doubt, const read::WaitLimit& patience) {
  const Result<read::ReadPosition> place =
      read::find_read_position(log_store_, {.offset = offset_}, patience);
  if (!place) {
    const Code code = place.error().code();
    const bool is_damage = code == Code::corruption || code == Code::foreign || code == Code::unsupported;
    return is_damage ? damaged_object(doubt) : place.error();
  }
  const bool here = place->at.seq == at_.seq && place->at.epoch == at_.epoch;
  if (doubts_ >= (here ? doubts_before_damage : doubts_max)) return damaged_object(doubt);
  go_to(*place);
  return Verdict::look_again;
}

Error Reader::Impl::trimmed(const LogState& view) const {
  const OffsetRange valid{view.start_offset(), view.tail.offset};
  return Error(Code::out_of_range,
               fmt::format("{}: offset {} has been trimmed away; the log holds {} up to, but not including, "
                           "{}: open a reader there to go on",
                           read::name_of(log_store_.address()), offset_, valid.begin, valid.end))
      .with_valid_range(valid);
}

Error Reader::Impl::damaged_object(const Error& doubt) const {
  if (doubt.code() != Code::not_found) {
    return doubt.with_context(fmt::format("{} (offset {})", log_store_.name_of(at_.seq), at_.offset));
  }
  return {Code::corruption,
          fmt::format("{}: object {} (offset {}) is missing, though the log goes on behind it; restore it "
                      "from a copy, or run `varve verify` to see the extent",
                      log_store_.name_of(at_.seq), at_.seq, at_.offset)};
}

Error Reader::Impl::damaged_record(const Error& error) const {
  return error.with_context(log_store_.name_of(object_seq_));
}

// The pause between polls, or less of it.
void Reader::Impl::rest_until(Deadline time) {
  std::unique_lock lock(wake_mutex_);
  woken_.wait_until(lock, stop_token_, time, [this] { return awake_; });
  // Said while we asked, it may or may not have been in the answer: so it counts for the next pause.
  if (std::exchange(awake_, false)) next_poll_ = {};
}

void Reader::Impl::wake() noexcept {
  const std::lock_guard lock(wake_mutex_);
  awake_ = !mutated(Mutant::wake_lost);
  woken_.notify_one();
}

ReaderMetrics Reader::Impl::metrics() const {
  ReaderMetrics metrics;
  progress_.fill(metrics);
  metrics.requests = log_store_.requests();
  metrics.store = log_store_.store().metrics();
  return metrics;
}

void Reader::Impl::stop() noexcept {
  std::stop_source source(std::nostopstate);
  {
    const std::lock_guard lock(stop_mutex_);
    source = stop_source_;
  }
  source.request_stop();
}

// Whether a stop was asked for; it has been served by then.
bool Reader::Impl::take_stop() {
  const std::lock_guard lock(stop_mutex_);
  if (!stop_source_.stop_requested()) return false;
  stop_source_ = std::stop_source();
  stop_token_ = stop_source_.get_token();
  return true;
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
    const log::LogStore log_store(std::move(log));
    const read::WaitLimit patience{.deadline = log::LogStore::after(options.give_up_ms), .stop = {}};
    const read::SeekTarget wanted{
        .offset = options.from, .since_unix_ms = options.since_unix_ms, .last = options.last};
    const Result<read::ReadPosition> place = read::find_read_position(log_store, wanted, patience);
    if (!place) {
      const Error& error = place.error();
      return error.code() == Code::timed_out ? Error(Code::unavailable, error.message()) : error;
    }
    return std::unique_ptr<Reader>(new Reader(std::make_unique<Impl>(log_store, options, *place)));
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
