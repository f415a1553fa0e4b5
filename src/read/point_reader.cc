#include "varve/point_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/mutant.h"
#include "base/no_memory.h"
#include "format/blocks.h"
#include "format/records.h"
#include "format/trailer.h"
#include "log/front_door.h"
#include "log/log_store.h"
#include "log/read_position.h"
#include "log/request.h"
#include "protocol/point_walk.h"
#include "read/object_cache.h"
#include "read/part_of_object.h"
#include "read/point_progress.h"

namespace varve {

using format::Header;
using format::IndexEntry;
using log::Deadline;
using protocol::LogState;
using protocol::PointWalk;
using read::ObjectCache;

namespace {

// What is known of the log is believed for so long. Then its newest object is asked for once more: is it the
// one that was seen, or does another log stand here by now?
constexpr auto time_between_checks = std::chrono::seconds(10);

/// The bytes of an object that begin and end with records and hold the one wanted.
struct Stretch {
  IndexEntry from;
  IndexEntry to;
};

Stretch stretch_of(const std::vector<IndexEntry>& index, const Header& header, Offset offset) {
  const Offset wanted = offset - header.first_offset;
  const auto after = std::ranges::upper_bound(index, wanted, {}, &IndexEntry::record);
  const IndexEntry end{.record = header.record_count,
                       .position = static_cast<std::uint32_t>(header.body_end)};
  // The index of a sound object begins with record 0.
  return {.from = *(after - 1), .to = after == index.end() ? end : *after};
}

OffsetRange records_of(const LogState& state) { return {state.start_offset(), state.tail.offset}; }

bool is_in(OffsetRange range, Offset offset) { return range.begin <= offset && offset < range.end; }

}  // namespace

// Carries out what `PointWalk` decides: asks, fetches, and remembers.
class PointReader::Impl {
 public:
  Impl(log::LogStore log_store, const PointReaderOptions& options, LogState state)
      : log_store_(std::move(log_store)),
        give_up_ms_(options.give_up_ms),
        state_(std::make_shared<const LogState>(std::move(state))),
        believed_until_(log::deadline_after(time_between_checks)),
        known_(options.cache_bytes) {}

  Result<OwnedRecord> read(Offset offset);
  [[nodiscard]] PointReaderMetrics metrics() const;

 private:
  using Object = ObjectCache::Object;

  /// One call of `read`.
  struct Reading {
    Offset offset;
    Deadline deadline;
    bool met_damage = false;
  };
  /// What is known beforehand.
  struct Known {
    std::shared_ptr<const LogState> state;
    std::optional<Object> object;  ///< that holds the record,
    std::vector<Header> around;    ///< or else those near it
    bool checked = false;          ///< the log was seen to be this a short while ago
  };

  Result<OwnedRecord> find_and_read(Reading& reading);
  Result<Known> known_of(Offset offset);
  bool is_unchanged(const LogState& state, Deadline deadline);
  bool is_of_history(const Header& object, const LogState& state, Deadline deadline);
  Result<Object> seek(PointWalk& walk, protocol::Requests first, Reading& reading);
  void remember(const protocol::SeekResult& found, const protocol::Seek& seek);
  Result<ObjectCache::Index> index_of(const Header& header, Reading& reading);
  Result<OwnedRecord> record_in(const Object& object, Reading& reading);
  Result<Bytes> fetch(const Header& header, std::uint64_t begin, std::uint64_t end, Deadline deadline) const;
  Result<Bytes> fetch_body(const Header& header, std::uint64_t begin, std::uint64_t end,
                           Reading& reading) const;
  Result<Bytes> fetch_records(const Header& header, const read::ObjectIndex& index, const Stretch& stretch,
                              Reading& reading) const;
  Error damaged(const Error& error, const Header& header, Reading& reading) const;
  void forget(const Header& header);
  [[nodiscard]] Error outside(Offset offset, OffsetRange valid) const;

  const log::LogStore log_store_;
  const std::uint32_t give_up_ms_;

  read::PointProgress progress_;

  mutable std::mutex mutex_;               // of what follows; never held while the store is asked
  std::shared_ptr<const LogState> state_;  // the log as last looked at: what it says is there was there
  Deadline believed_until_;                // then it is asked whether it still is this log
  ObjectCache known_;                      // on the chain of that log
  std::optional<Error> ended_;             // it is another log by now
};

Result<OwnedRecord> PointReader::Impl::read(Offset offset) {
  Reading reading{.offset = offset, .deadline = log::LogStore::after(give_up_ms_)};
  Result<OwnedRecord> record = find_and_read(reading);
  if (reading.met_damage) progress_.damaged();
  if (record) {
    progress_.found(record->data.size());
  } else {
    progress_.failed();
  }
  return record;
}

PointReaderMetrics PointReader::Impl::metrics() const {
  PointReaderMetrics metrics;
  progress_.fill(metrics);
  {
    const std::lock_guard lock(mutex_);
    metrics.cached_objects = known_.size();
    metrics.cached_bytes = known_.bytes();
  }
  metrics.requests = log_store_.requests();
  metrics.store = log_store_.store().metrics();
  return metrics;
}

Result<OwnedRecord> PointReader::Impl::find_and_read(Reading& reading) {
  Result<Known> known = known_of(reading.offset);
  if (!known) return known.error();
  const bool was_there = is_in(records_of(*known->state), reading.offset);
  if (!was_there && mutated(Mutant::old_view_believed))
    return outside(reading.offset, records_of(*known->state));
  bool believed = was_there && (known->checked || is_unchanged(*known->state, reading.deadline));
  std::optional<Object> object = believed ? std::move(known->object) : std::nullopt;
  if (object) progress_.knew_object();
  PointWalk walk(reading.offset);
  while (true) {
    if (!object) {
      auto first = believed ? walk.start_in(*known->state, std::move(known->around))
                            : walk.start(protocol::mark_of(known->state->newest_owned));
      auto found = seek(walk, std::move(first), reading);
      if (!found) return found.error();
      object = *std::move(found);
    }
    Result<OwnedRecord> record = record_in(*object, reading);
    if (record) return record;
    forget(object->header);
    if (!walk.may_pass(record.error())) {
      if (record.error().code() != Code::not_found) return record;
      return Error(Code::corruption,
                   fmt::format("{}: an object of the log is missing: {}; run `varve verify` to see "
                               "the extent",
                               log_store_.name_of_log(), record.error().message()));
    }
    object.reset();
    believed = false;
  }
}

Result<PointReader::Impl::Known> PointReader::Impl::known_of(Offset offset) {
  const std::lock_guard lock(mutex_);
  if (ended_) return *ended_;
  Known known{.state = state_,
              .object = known_.holding(offset),
              .around = {},
              .checked = !log::has_passed(believed_until_)};
  if (!known.object) known.around = known_.around(offset);
  return known;
}

// Whether the newest object that was seen is there, as it was: then all before it is, too, or was trimmed
// away.
bool PointReader::Impl::is_unchanged(const LogState& state, Deadline deadline) {
  const Header& newest = state.newest_owned;
  const Result<Bytes> front = fetch(newest, 0, format::header_bytes, deadline);
  const Result<Header> header = front ? format::decode_header(front->data) : front.error();
  if (!header || *header != newest) return false;
  const std::lock_guard lock(mutex_);
  believed_until_ = log::deadline_after(time_between_checks);
  return true;
}

// Whether an object that was found by what was known earlier is of the history that was seen then: one epoch
// has one writer. Where nothing of the epoch is known, the newest object tells.
bool PointReader::Impl::is_of_history(const Header& object, const LogState& state, Deadline deadline) {
  const auto has_its_writer = [&](const Header& known) { return known.writer_id == object.writer_id; };
  if (object.epoch == state.newest_owned.epoch) return has_its_writer(state.newest_owned);
  {
    const std::lock_guard lock(mutex_);
    for (const Header& known : known_.around(object.first_offset)) {
      if (known.epoch == object.epoch) return has_its_writer(known);
    }
  }
  return is_unchanged(state, deadline);
}

// The record's object, searched for. Headers seen on the way are kept.
Result<PointReader::Impl::Object> PointReader::Impl::seek(PointWalk& walk, protocol::Requests first,
                                                          Reading& reading) {
  const auto on = [&](const protocol::Reply& reply) { return walk.on(reply); };
  const Result<void> driven = log_store_.drive(std::move(first), on, reading.deadline);
  if (!driven) return driven.error();
  for (std::uint32_t i = 0; i < walk.seek().looks(); ++i) progress_.looked();
  const Result<protocol::SeekResult>& found = walk.found();
  if (found) {
    const LogState& state = found->state;
    const bool outdated = walk.seek().looks() == 0;
    if (outdated && found->object && !is_of_history(*found->object, state, reading.deadline))
      return seek(walk, walk.start(protocol::mark_of(state.newest_owned)), reading);
    remember(*found, walk.seek());
    if (!found->object) return outside(reading.offset, records_of(found->state));  // it is the end
    progress_.searched();
    return Object{*found->object, nullptr};
  }
  const Error& error = found.error();
  if (error.code() == Code::out_of_range && error.valid_range())
    return outside(reading.offset, *error.valid_range());
  progress_.searched();
  if (error.code() == Code::corruption) reading.met_damage = true;
  Error named = read::named(error, log_store_);
  if (error.code() == Code::foreign && walk.seek().parted()) {
    const std::lock_guard lock(mutex_);
    ended_ = named;
  }
  return named;
}

void PointReader::Impl::remember(const protocol::SeekResult& found, const protocol::Seek& seek) {
  const std::lock_guard lock(mutex_);
  if (seek.looks() > 0) {
    // Nothing ties what was known to this: it may be of a history that is gone.
    if (found.match == protocol::ChainMatch::untied) known_.clear();
    state_ = std::make_shared<const LogState>(found.state);
    believed_until_ = log::deadline_after(time_between_checks);
  }
  for (const Header& header : seek.seen()) known_.add(header);
}

Result<ObjectCache::Index> PointReader::Impl::index_of(const Header& header, Reading& reading) {
  const std::size_t entries = format::index_entries(header.body_end);
  if (entries == 1 && header.codec == format::Codec::none) {  // it can only be this
    return std::make_shared<const read::ObjectIndex>(
        read::ObjectIndex{.records = {{.record = 0, .position = format::header_bytes}}, .blocks = {}});
  }
  const Result<Bytes> trailer = fetch(header, header.stored_end(), header.object_bytes, reading.deadline);
  if (!trailer) return trailer.error();
  auto records = format::decode_trailer(trailer->data, header);
  if (!records) return damaged(records.error(), header, reading);
  auto blocks = format::decode_blocks(trailer->data, header);
  if (!blocks) return damaged(blocks.error(), header, reading);
  return std::make_shared<const read::ObjectIndex>(
      read::ObjectIndex{.records = *std::move(records), .blocks = *std::move(blocks)});
}

Result<OwnedRecord> PointReader::Impl::record_in(const Object& object, Reading& reading) {
  const Header& header = object.header;
  const Offset offset = reading.offset;
  ObjectCache::Index index = object.index;
  if (!index) {
    auto found = index_of(header, reading);
    if (!found) return found.error();
    index = *std::move(found);
    const std::lock_guard lock(mutex_);
    known_.add(header, index);
  }
  const Stretch stretch = stretch_of(index->records, header, offset);
  const Result<Bytes> bytes = fetch_records(header, *index, stretch, reading);
  if (!bytes) return bytes.error();
  format::RecordCursor records(bytes->data, header, stretch.from, stretch.to);
  while (true) {
    const auto record = records.next();
    if (!record) return damaged(record.error(), header, reading);
    if (!*record) {
      const std::string what = fmt::format("record {} is not where the index says", offset);
      return damaged({Code::corruption, what}, header, reading);
    }
    if ((*record)->offset != offset && !mutated(Mutant::stretch_from_front)) continue;
    OwnedRecord found;
    found.offset = offset;
    found.data = (*record)->payload;
    found.time_unix_ms = header.created_unix_ms;
    found.owner = bytes->owner;
    return found;
  }
}

Result<Bytes> PointReader::Impl::fetch(const Header& header, std::uint64_t begin, std::uint64_t end,
                                       Deadline deadline) const {
  return log::ask<Bytes>(
      [&](Store::Done<Bytes> done) {
        log_store_.get_part(header.seq, {.offset = begin, .length = end - begin}, std::move(done));
      },
      deadline);
}

// A part of the body. The header comes with it, so the object is the one that is known: in one piece where
// the part is the front, else beside it.
Result<Bytes> PointReader::Impl::fetch_body(const Header& header, std::uint64_t begin, std::uint64_t end,
                                            Reading& reading) const {
  if (begin != format::header_bytes && !mutated(Mutant::part_believed)) {
    Result<Bytes> part = read::part_of_object(log_store_, header, begin, end, reading.deadline);
    const bool damage =
        !part && (part.error().code() == Code::corruption || part.error().code() == Code::foreign);
    return damage ? damaged(part.error(), header, reading) : part;
  }
  if (begin != format::header_bytes) return fetch(header, begin, end, reading.deadline);
  Result<Bytes> front = fetch(header, 0, end, reading.deadline);
  if (!front) return front;
  if (const Result<void> same = read::expect_header(*front, header); !same)
    return damaged(same.error(), header, reading);
  front->data = front->data.subspan(format::header_bytes);
  return front;
}

// The bytes of a stretch; of a compressed object, out of the blocks that hold it.
Result<Bytes> PointReader::Impl::fetch_records(const Header& header, const read::ObjectIndex& index,
                                               const Stretch& stretch, Reading& reading) const {
  if (header.codec == format::Codec::none)
    return fetch_body(header, stretch.from.position, stretch.to.position, reading);
  const format::BlockRange range = format::blocks_around(header, stretch.from.position, stretch.to.position);
  const format::Extent at = format::stored_extent(index.blocks, range);
  const Result<Bytes> stored = fetch_body(header, at.begin, at.end, reading);
  if (!stored) return stored.error();
  const format::Extent to = format::body_extent(header, range);
  const auto body = std::make_shared<std::vector<std::byte>>(to.end - to.begin);
  const Result<void> done = format::unpack(stored->data, header, index.blocks, range, *body);
  if (!done) return damaged(done.error(), header, reading);
  const auto part = std::span<const std::byte>(*body).subspan(stretch.from.position - to.begin,
                                                              stretch.to.position - stretch.from.position);
  return Bytes{.data = part, .owner = body};
}

// What came of the object is not what was stored, unless there was no memory to look at it.
Error PointReader::Impl::damaged(const Error& error, const Header& header, Reading& reading) const {
  if (error.code() != Code::no_memory) reading.met_damage = true;
  return error.with_context(log_store_.name_of(header.seq));
}

void PointReader::Impl::forget(const Header& header) {
  const std::lock_guard lock(mutex_);
  known_.forget(header);
}

Error PointReader::Impl::outside(Offset offset, OffsetRange valid) const {
  return Error(Code::out_of_range,
               fmt::format("{}: there is no record {}; the log holds {} up to, but not including, {}",
                           log_store_.name_of_log(), offset, valid.begin, valid.end))
      .with_valid_range(valid);
}

namespace {

/// Out of patience is, to those who gave it, a store that does not answer.
Error as_said_to_callers(const Error& error) {
  return error.code() == Code::timed_out ? Error(Code::unavailable, error.message()) : error;
}

}  // namespace

Result<std::unique_ptr<PointReader>> PointReader::open(LogAddress log, PointReaderOptions options) {
  return log::with_store(log, [&]() -> Result<std::unique_ptr<PointReader>> {
    const log::LogStore log_store(std::move(log));
    const read::WaitLimit patience{.deadline = log::LogStore::after(options.give_up_ms), .stop = {}};
    Result<LogState> view = read::read_log_state(log_store, patience, read::OnDamage::tell);
    if (!view) return as_said_to_callers(view.error());
    return std::unique_ptr<PointReader>(
        new PointReader(std::make_unique<Impl>(log_store, options, *std::move(view))));
  });
}

PointReader::PointReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PointReader::~PointReader() = default;

Result<OwnedRecord> PointReader::read(Offset offset) {
  return with_memory([&]() -> Result<OwnedRecord> {
    Result<OwnedRecord> record = impl_->read(offset);
    if (!record) return as_said_to_callers(record.error());
    return record;
  });
}

PointReaderMetrics PointReader::metrics() const { return impl_->metrics(); }

}  // namespace varve
