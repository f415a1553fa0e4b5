#include "varve/consumer.h"
#include "base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/mutant.h"
#include "base/no_memory.h"
#include "consume/commit_pace.h"
#include "consume/cursor_committer.h"
#include "consume/read_marks.h"
#include "log/deadline.h"
#include "log/front_door.h"

namespace varve {

using consume::CommitPace;
using consume::CursorCommitter;
using consume::ReadMarks;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

// A log that is trimmed under so many tries to open it is trimmed faster than it can be read.
constexpr int trims_max = 8;

}  // namespace

class Consumer::Impl {
 public:
  Impl(LogAddress log, std::string name, ConsumerOptions options, CursorCommitter committer)
      : log_(std::move(log)),
        name_(std::move(name)),
        options_(options),
        cursor_committer_(std::move(committer)),
        pace_(options.commit_every_records, options.commit_every_ms),
        done_below_(cursor_committer_.offset()),
        handed_below_(cursor_committer_.offset()) {}

  Result<void> open_reader();
  Result<std::optional<Record>> next(milliseconds timeout);
  Result<void> done(Offset offset);
  Result<void> commit();
  Result<void> close();

  void stop() noexcept;
  void wake() noexcept;

  [[nodiscard]] std::shared_ptr<const void> pin() const { return reader_->pin(); }
  [[nodiscard]] Offset done_below() const { return done_below_; }
  [[nodiscard]] Offset committed_below() const { return cursor_committer_.offset(); }
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

 private:
  Result<void> commit_if_due();
  Result<std::optional<Record>> read(milliseconds timeout);
  bool skip_trimmed(const Error& error);
  bool take_stop();

  LogAddress log_;
  std::string name_;
  ConsumerOptions options_;
  CursorCommitter cursor_committer_;
  ReadMarks marks_;
  CommitPace pace_;
  Offset done_below_;
  Offset handed_below_;
  std::uint64_t skipped_ = 0;
  std::optional<Error> ended_;

  // `stop` and `wake` come from other threads, and the reader may be another after a skip.
  std::mutex reader_mutex_;
  std::unique_ptr<Reader> reader_;
  bool stopped_ = false;
};

// Opens the reader where the next record is wanted, or behind what has been trimmed away, if that is allowed.
Result<void> Consumer::Impl::open_reader() {
  for (int tries = 1;; ++tries) {
    ReaderOptions options = options_.reader;
    options.from = handed_below_;
    options.since_unix_ms.reset();
    options.last.reset();
    auto reader = Reader::open(log_, options);
    if (reader) {
      const std::lock_guard lock(reader_mutex_);
      reader_ = *std::move(reader);
      if (stopped_) reader_->stop();
      return {};
    }
    if (tries == trims_max || !skip_trimmed(reader.error())) {
      return reader.error().with_context(fmt::format("cursor '{}'", name_));
    }
  }
}

// Whether `error` says that records wanted next are trimmed away, and they may be: then they are passed.
bool Consumer::Impl::skip_trimmed(const Error& error) {
  if (!options_.skip_trimmed || error.code() != Code::out_of_range || !error.valid_range()) return false;
  const Offset begin = error.valid_range()->begin;
  if (begin <= handed_below_) return false;
  skipped_ += begin - handed_below_;
  // Nobody will ever work on them. But what was handed out before and is not done stays so.
  if (done_below_ == handed_below_ || mutated(Mutant::skipped_is_done)) done_below_ = begin;
  handed_below_ = begin;
  return true;
}

Result<void> Consumer::Impl::commit() {
  if (ended_) return *ended_;
  if (done_below_ == cursor_committer_.offset()) return {};
  const Offset done = mutated(Mutant::handed_is_done) ? handed_below_ : done_below_;
  const auto moved = cursor_committer_.move({.offset = done, .mark = marks_.at(done)});
  if (moved) {
    marks_.forget_below(done);
    pace_.on_committed();
    return {};
  }
  if (moved.error().code() == Code::fenced) ended_ = moved.error();
  pace_.on_failed(base::now());
  return moved;
}

Result<void> Consumer::Impl::commit_if_due() {
  if (ended_) return *ended_;
  return pace_.due(base::now()) ? commit() : Result<void>();
}

Result<void> Consumer::Impl::done(Offset offset) {
  if (offset >= handed_below_) {
    return Error(Code::invalid_argument,
                 fmt::format("record {} cannot be done: the last one handed out is before offset {}", offset,
                             handed_below_));
  }
  done_below_ = std::max(done_below_, offset + 1);
  if (done_below_ > cursor_committer_.offset())
    pace_.on_done(done_below_ - cursor_committer_.offset(), base::now());
  return commit_if_due();
}

Result<std::optional<Record>> Consumer::Impl::read(milliseconds timeout) {
  while (true) {
    auto record = reader_->next(timeout);
    if (record || !skip_trimmed(record.error())) return record;
    if (const auto opened = open_reader(); !opened) return opened.error();
  }
}

// Waits in pieces: what becomes due while nothing comes is committed.
Result<std::optional<Record>> Consumer::Impl::next(milliseconds timeout) {
  const auto deadline = log::deadline_after(timeout);
  while (true) {
    if (const auto committed = commit_if_due(); !committed) return committed.error();
    const auto until = std::min(deadline, pace_.due_at().value_or(deadline));
    const bool for_ever = until == log::Deadline::max();
    const auto left = for_ever
                          ? milliseconds::max()
                          : std::max(milliseconds(0), std::chrono::ceil<milliseconds>(until - base::now()));
    auto record = read(left);
    const bool cut_short = until < deadline;
    if (!record) {
      if (cut_short && record.error().code() == Code::timed_out) continue;
      return record;
    }
    if (*record) {
      handed_below_ = (*record)->offset + 1;
      if (const auto mark = reader_->mark()) marks_.add(*mark);
      return record;
    }
    if (!options_.reader.follow || !cut_short || take_stop()) return record;
  }
}

Result<void> Consumer::Impl::close() {
  const auto committed = commit();
  if (!ended_) ended_ = Error(Code::closed, fmt::format("the consumer of cursor '{}' is closed", name_));
  return committed;
}

void Consumer::Impl::stop() noexcept {
  const std::lock_guard lock(reader_mutex_);
  stopped_ = true;
  if (reader_) reader_->stop();
}

void Consumer::Impl::wake() noexcept {
  const std::lock_guard lock(reader_mutex_);
  if (reader_) reader_->wake();
}

// Whether `next` was to be ended; it is now.
bool Consumer::Impl::take_stop() {
  const std::lock_guard lock(reader_mutex_);
  return std::exchange(stopped_, false);
}

Consumer::Consumer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Consumer::~Consumer() = default;

namespace {

/// The cursor, which begins where `options` would have a reader begin if there is none.
Result<Cursor> find_or_create(const Cursors& cursors, const LogAddress& log, const std::string& name,
                              const ReaderOptions& options) {
  auto cursor = cursors.get(name);
  if (cursor || cursor.error().code() != Code::not_found) return cursor;
  const auto reader = Reader::open(log, options);
  if (!reader) return reader.error();
  auto created = cursors.set(name, (*reader)->position());
  // Somebody else has created it meanwhile, further on.
  if (!created && created.error().code() == Code::out_of_range) return cursors.get(name);
  return created;
}

}  // namespace

Result<std::unique_ptr<Consumer>> Consumer::open(LogAddress log, std::string name, ConsumerOptions options) {
  return log::with_store(log, [&]() -> Result<std::unique_ptr<Consumer>> {
    auto cursors = Cursors::open(log, {.give_up_ms = options.reader.give_up_ms});
    if (!cursors) return cursors.error();
    auto cursor = find_or_create(*cursors, log, name, options.reader);
    if (!cursor) return cursor.error();
    auto impl = std::make_unique<Impl>(std::move(log), std::move(name), options,
                                       CursorCommitter(*std::move(cursors), *std::move(cursor)));
    if (const auto opened = impl->open_reader(); !opened) return opened.error();
    return std::unique_ptr<Consumer>(new Consumer(std::move(impl)));
  });
}

Result<std::optional<Record>> Consumer::next(milliseconds timeout) {
  return with_memory([&] { return impl_->next(timeout); });
}
Result<void> Consumer::done(Offset offset) {
  return with_memory([&] { return impl_->done(offset); });
}
Result<void> Consumer::commit() {
  return with_memory([&] { return impl_->commit(); });
}
Result<void> Consumer::close() {
  return with_memory([&] { return impl_->close(); });
}
std::shared_ptr<const void> Consumer::pin() const { return impl_->pin(); }
Offset Consumer::done_below() const noexcept { return impl_->done_below(); }
Offset Consumer::committed_below() const noexcept { return impl_->committed_below(); }
std::uint64_t Consumer::skipped() const noexcept { return impl_->skipped(); }
void Consumer::stop() noexcept { impl_->stop(); }
void Consumer::wake() noexcept { impl_->wake(); }

}  // namespace varve
