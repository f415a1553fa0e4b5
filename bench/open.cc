#include "bench/open.h"
#include "base/clock.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "append/opening.h"
#include "bench/process.h"
#include "format/checkpoint.h"
#include "format/key.h"
#include "format/records.h"
#include "format/trailer.h"
#include "log/log_store.h"
#include "log/system.h"
#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "protocol/appender.h"

namespace varve::bench {

namespace {

constexpr std::chrono::seconds settling(1);

/// Puts many small objects, a window's worth at once.
class ObjectMaker {
 public:
  ObjectMaker(log::LogStore log_store, const protocol::Ownership& ownership)
      : log_store_(std::move(log_store)), appender_(ownership, without_checkpoints()) {}

  Result<void> make(std::uint64_t count, Live& live) {
    for (std::uint64_t made = 0; made < count; ++made) {
      const bool last = made + 1 == count;  // closes the log, as a writer that ends in peace does
      if (last ? !wait_for_all() : !wait_for_room()) return *failure_;
      put_one(last);
      live.records.store(made + 1, std::memory_order_relaxed);
    }
    if (!wait_for_all()) return *failure_;
    const auto checkpoint = format::encode_checkpoint(appender_.checkpoint());
    return object_store::put_now(log_store_.store(), format::checkpoint_key(log_store_.address().path),
                                 object_store::copy_bytes(checkpoint));
  }

 private:
  static protocol::AppenderOptions without_checkpoints() {
    protocol::AppenderOptions options;
    options.checkpoint_every_objects = 0;
    return options;
  }

  bool wait_for_room() {
    while (!appender_.can_submit()) {
      if (!hear()) return false;
    }
    return true;
  }

  bool wait_for_all() {
    while (appender_.in_flight() > 0) {
      if (!hear()) return false;
    }
    return true;
  }

  bool hear() {
    std::vector<Seq> landed;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return failure_ || !landed_.empty(); });
      if (failure_) return false;
      landed.swap(landed_);
    }
    for (const Seq seq : landed) appender_.on_put(seq, std::nullopt, 0);
    static_cast<void>(appender_.take_commands());
    return true;
  }

  void put_one(bool closing) {
    static constexpr std::size_t body_end = format::header_bytes + format::stored_bytes(RecordSizes::least);
    std::vector<format::IndexEntry> index(format::index_entries(body_end));
    format::index_record(index, format::header_bytes, body_end, 1);
    auto object = std::make_shared<std::vector<std::byte>>(body_end + format::trailer_bytes(index.size()));
    const std::span<std::byte> bytes(*object);
    std::array<std::byte, RecordSizes::least> record{};
    make_record(record, {0, appender_.end_offset()});
    format::write_record(&bytes[format::header_bytes], record, appender_.end_offset());
    format::encode_trailer(index, bytes.subspan(body_end));
    const std::int64_t now = base::unix_ms();
    const format::Header header = appender_.submit({.record_count = 1,
                                                    .body_end = body_end,
                                                    .object_bytes = object->size(),
                                                    .first_append_unix_ms = now,
                                                    .closing = closing},
                                                   now, 0);
    format::encode_header(header, bytes.first<format::header_bytes>());
    log_store_.put_object(header.seq, {bytes, object}, [this, seq = header.seq](const Result<void>& stored) {
      const std::lock_guard lock(mutex_);
      landed_.push_back(seq);
      if (!stored) failure_ = stored.error();
      changed_.notify_one();
    });
  }

  log::LogStore log_store_;
  protocol::Appender appender_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Seq> landed_;
  std::optional<Error> failure_;
};

}  // namespace

Result<ManyObjects> ManyObjects::make(std::shared_ptr<Store> store, std::uint64_t objects,
                                      const WriterOptions& options, Live& live) {
  Scratch scratch(std::move(store));
  // Not through the witness: a million uploads need not be remembered.
  const log::LogStore log_store({.store = scratch.witness()->below(), .path = scratch.log().path});
  const Result<protocol::Ownership> ownership = append::take_over(log_store, options);
  if (!ownership) return ownership.error();
  if (const Result<void> made = ObjectMaker(log_store, *ownership).make(objects, live); !made)
    return made.error();
  return ManyObjects(std::move(scratch), objects);
}

Result<OpenFigures> ManyObjects::open(const WriterOptions& options) {
  Recorder& witness = *scratch_.witness();
  OpenFigures figures;
  const StoreUse before = witness.use();
  witness.forget_trips();
  const Clock::time_point begin = Clock::now();
  const log::LogStore log_store(scratch_.log());
  const Result<protocol::Ownership> owned = append::take_over(log_store, options);
  if (!owned) return owned.error();
  figures.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  figures.round_trips = witness.trips();
  figures.use = witness.use() - before;
  if (owned->next.offset != records_) {
    return Error(Code::corruption,
                 fmt::format("the log goes on at offset {}, not {}", owned->next.offset, records_));
  }
  // The next round finds a log that was written to and closed.
  Live live;
  const log::LogStore beside({.store = witness.below(), .path = scratch_.log().path});
  if (const Result<void> made = ObjectMaker(beside, *owned).make(1, live); !made) return made.error();
  ++records_;
  return figures;
}

Result<IdleFigures> ManyObjects::idle(const WriterOptions& options, double seconds) {
  const auto writer = Writer::open(scratch_.log(), options);
  if (!writer) return writer.error();
  // What opening leaves to other threads, to let go of what it read for one, is not the log's idling.
  std::this_thread::sleep_for(settling);
  const StoreUse before = scratch_.witness()->use();
  const double cpu_before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  return IdleFigures{.seconds = seconds,
                     .cpu_seconds = cpu_seconds() - cpu_before,
                     .use = scratch_.witness()->use() - before};
}

}  // namespace varve::bench
