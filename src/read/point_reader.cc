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
#include "protocol/locate.h"
#include "read/object_cache.h"
#include "read/point_progress.h"

namespace varve {

using format::Header;
using format::IndexEntry;
using log::Deadline;
using protocol::LogState;
using read::ObjectCache;

namespace {

// What was seen of the log may be outdated, or be outrun by a trim; a log that is trimmed faster than it can
// be looked at so often is not.
constexpr int looks_max = 4;

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

bool is_in(const LogState& view, Offset offset) {
  return view.start_offset() <= offset && offset < view.tail.offset;
}

}  // namespace

class PointReader::Impl {
 public:
  Impl(log::LogStore log_store, const PointReaderOptions& options, LogState view)
      : log_store_(std::move(log_store)),
        give_up_ms_(options.give_up_ms),
        view_(std::make_shared<const LogState>(std::move(view))),
        known_(options.cache_bytes) {}

  Result<OwnedRecord> read(Offset offset);
  [[nodiscard]] PointReaderMetrics metrics() const;

 private:
  using Object = ObjectCache::Object;
  using View = std::shared_ptr<const LogState>;

  Result<OwnedRecord> look_and_read(Offset offset);
  Result<View> look(Deadline deadline);
  Result<Object> object_with(Offset offset, const LogState& view, Deadline deadline);
  Result<ObjectCache::Index> index_of(const Header& header, Deadline deadline);
  Result<OwnedRecord> record_in(const Object& object, Offset offset, Deadline deadline);
  Result<Bytes> fetch(const Header& header, std::uint64_t begin, std::uint64_t end, Deadline deadline) const;
  Result<Bytes> fetch_records(const Header& header, const read::ObjectIndex& index, const Stretch& stretch,
                              Deadline deadline);
  Error damaged(const Error& error, const Header& header);
  void forget(const Header& header);
  [[nodiscard]] Error outside(Offset offset, const LogState& view) const;

  const log::LogStore log_store_;
  const std::uint32_t give_up_ms_;

  read::PointProgress progress_;

  mutable std::mutex mutex_;  // of what follows; never held while the store is asked
  View view_;                 // the log as last looked at: what it says is there was there
  ObjectCache known_;         // on the chain of that log
};

Result<OwnedRecord> PointReader::Impl::read(Offset offset) {
  Result<OwnedRecord> record = look_and_read(offset);
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

Result<OwnedRecord> PointReader::Impl::look_and_read(Offset offset) {
  const Deadline deadline = log::LogStore::after(give_up_ms_);
  View view;
  {
    const std::lock_guard lock(mutex_);
    view = view_;
  }
  bool fresh = false;
  for (int looks = 0;; ++looks) {
    const bool elsewhere = !is_in(*view, offset) && !mutated(Mutant::old_view_believed);
    if (!fresh && (looks > 0 || elsewhere)) {
      const Result<View> seen = look(deadline);
      if (!seen) return seen.error();
      view = *seen;
      fresh = true;
    }
    if (!is_in(*view, offset)) return outside(offset, *view);
    const Result<Object> object = object_with(offset, *view, deadline);
    Result<OwnedRecord> record =
        object ? record_in(*object, offset, deadline) : Result<OwnedRecord>(object.error());
    if (record) return record;
    if (object && record.error().code() == Code::not_found) forget(object->header);
    const bool gone = record.error().code() == Code::not_found && !mutated(Mutant::trim_seems_damage);
    const bool may_be_outdated = gone || (!object && !fresh);
    if (!may_be_outdated || looks == looks_max) {
      if (record.error().code() != Code::not_found) return record.error();
      return Error(Code::corruption,
                   fmt::format("{}: an object of the log is missing: {}; run `varve verify` "
                               "to see the extent",
                               read::name_of(log_store_.address()), record.error().message()));
    }
    fresh = false;
  }
}

Result<PointReader::Impl::View> PointReader::Impl::look(Deadline deadline) {
  progress_.looked();
  Result<LogState> seen = read::read_log_state(log_store_, {.deadline = deadline, .stop = {}});
  if (!seen) return seen.error();
  auto view = std::make_shared<const LogState>(*std::move(seen));
  const std::lock_guard lock(mutex_);
  if (view->tail.log_id != view_->tail.log_id) {
    return Error(Code::foreign, fmt::format("{}: another log stands here now; open it anew",
                                            read::name_of(log_store_.address())));
  }
  view_ = view;
  return view;
}

// Known from before, or searched for. Headers seen on the way are kept.
Result<PointReader::Impl::Object> PointReader::Impl::object_with(Offset offset, const LogState& view,
                                                                 Deadline deadline) {
  protocol::Locate locate(view, offset);
  {
    const std::lock_guard lock(mutex_);
    if (auto known = known_.holding(offset)) {
      progress_.knew_object();
      return *std::move(known);
    }
    for (const Header& header : known_.around(offset)) locate.know(header);
  }
  progress_.searched();
  const auto on = [&](const protocol::Reply& reply) { return locate.on(reply); };
  const Result<void> driven = log_store_.drive(locate.start(), on, deadline);
  const Result<protocol::Position>& at = driven ? locate.result() : driven.error();
  if (!at) {
    if (at.error().code() == Code::corruption) progress_.damaged();
    return at.error().code() == Code::not_found
               ? at.error()
               : at.error().with_context(read::name_of(log_store_.address()));
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [seq, header] : locate.seen()) known_.add(header);
  return Object{locate.seen().at(at->seq), nullptr};
}

Result<ObjectCache::Index> PointReader::Impl::index_of(const Header& header, Deadline deadline) {
  const std::size_t entries = format::index_entries(header.body_end);
  if (entries == 1 && header.codec == format::Codec::none) {  // it can only be this
    return std::make_shared<const read::ObjectIndex>(
        read::ObjectIndex{.records = {{.record = 0, .position = format::header_bytes}}, .blocks = {}});
  }
  const Result<Bytes> trailer = fetch(header, header.stored_end(), header.object_bytes, deadline);
  if (!trailer) return trailer.error();
  auto records = format::decode_trailer(trailer->data, header);
  if (!records) return damaged(records.error(), header);
  auto blocks = format::decode_blocks(trailer->data, header);
  if (!blocks) return damaged(blocks.error(), header);
  return std::make_shared<const read::ObjectIndex>(
      read::ObjectIndex{.records = *std::move(records), .blocks = *std::move(blocks)});
}

Result<OwnedRecord> PointReader::Impl::record_in(const Object& object, Offset offset, Deadline deadline) {
  const Header& header = object.header;
  ObjectCache::Index index = object.index;
  if (!index) {
    auto found = index_of(header, deadline);
    if (!found) return found.error();
    index = *std::move(found);
    const std::lock_guard lock(mutex_);
    known_.add(header, index);
  }
  const Stretch stretch = stretch_of(index->records, header, offset);
  const Result<Bytes> bytes = fetch_records(header, *index, stretch, deadline);
  if (!bytes) return bytes.error();
  format::RecordCursor records(bytes->data, header, stretch.from, stretch.to);
  while (true) {
    const auto record = records.next();
    if (!record) return damaged(record.error(), header);
    if (!*record) {
      const std::string what = fmt::format("record {} is not where the index says", offset);
      return damaged({Code::corruption, what}, header);
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

// The bytes of a stretch; of a compressed object, out of the blocks that hold it.
Result<Bytes> PointReader::Impl::fetch_records(const Header& header, const read::ObjectIndex& index,
                                               const Stretch& stretch, Deadline deadline) {
  if (header.codec == format::Codec::none)
    return fetch(header, stretch.from.position, stretch.to.position, deadline);
  const format::BlockRange range = format::blocks_around(header, stretch.from.position, stretch.to.position);
  const format::Extent at = format::stored_extent(index.blocks, range);
  const Result<Bytes> stored = fetch(header, at.begin, at.end, deadline);
  if (!stored) return stored.error();
  const format::Extent to = format::body_extent(header, range);
  const auto unpacked = std::make_shared<std::vector<std::byte>>(to.end - to.begin);
  const Result<void> done = format::unpack(stored->data, header, index.blocks, range, *unpacked);
  if (!done) return damaged(done.error(), header);
  const auto part = std::span<const std::byte>(*unpacked).subspan(
      stretch.from.position - to.begin, stretch.to.position - stretch.from.position);
  return Bytes{.data = part, .owner = unpacked};
}

// What came of the object is not what was stored, unless there was no memory to look at it.
Error PointReader::Impl::damaged(const Error& error, const Header& header) {
  if (error.code() != Code::no_memory) progress_.damaged();
  return error.with_context(log_store_.name_of(header.seq));
}

void PointReader::Impl::forget(const Header& header) {
  const std::lock_guard lock(mutex_);
  known_.forget(header);
}

Error PointReader::Impl::outside(Offset offset, const LogState& view) const {
  const OffsetRange valid{view.start_offset(), view.tail.offset};
  return Error(Code::out_of_range,
               fmt::format("{}: there is no record {}; the log holds {} up to, but not including, {}",
                           read::name_of(log_store_.address()), offset, valid.begin, valid.end))
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
    Result<LogState> view = read::read_log_state(log_store, patience);
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
