#include "bench/tail.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "bench/raw.h"
#include "bench/scratch.h"
#include "object_store/metered.h"

namespace varve::bench {

namespace {

constexpr auto patience = std::chrono::seconds(30);

/// Times of all records, by offset. Each field has one thread that writes it; they are read when all
/// threads are done.
struct Times {
  explicit Times(std::size_t records) : began(records), acknowledged(records), read(records) {}
  std::vector<Clock::time_point> began;
  std::vector<Clock::time_point> acknowledged;
  std::vector<Clock::time_point> read;
};

std::uint64_t micros_between(Clock::time_point from, Clock::time_point to) {
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
  return count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

class Follower {
 public:
  Follower(std::unique_ptr<Reader> reader, const RecordSizes& sizes, Times& times)
      : reader_(std::move(reader)), thread_([this, &sizes, &times] { outcome_ = follow(sizes, times); }) {}

  Result<void> wait() {
    thread_.join();
    return outcome_;
  }

 private:
  Result<void> follow(const RecordSizes& sizes, Times& times) {
    for (std::size_t offset = 0; offset < times.read.size(); ++offset) {
      const auto record = reader_->next(patience);
      if (!record) return record.error();
      if (!*record) return Error(Code::timed_out, "a record did not reach the follower");
      times.read[offset] = Clock::now();
      Stamp stamp;
      if ((*record)->data.size() == sizes.of(0, offset))
        std::memcpy(&stamp, (*record)->data.data(), sizeof stamp);
      if ((*record)->offset != offset || stamp.number != offset) {
        return Error(Code::corruption, "the follower read something else than was appended");
      }
    }
    return {};
  }

  std::unique_ptr<Reader> reader_;
  Result<void> outcome_;
  std::thread thread_;
};

Result<void> append_at_rate(Writer& writer, const Load& load, Times& times, Live& live) {
  std::vector<std::byte> record(load.sizes.most());
  make_record(record, {0, 0});
  const std::chrono::duration<double> pause(1 / load.records_per_second);
  const Clock::time_point begin = Clock::now();
  for (std::size_t number = 0; number < times.began.size(); ++number) {
    std::this_thread::sleep_until(
        begin + std::chrono::duration_cast<Clock::duration>(pause * static_cast<double>(number)));
    restamp(record, {0, number});
    times.began[number] = Clock::now();
    const auto callback = [&times](const Result<Offset>& outcome) {
      if (outcome) times.acknowledged[*outcome] = Clock::now();
    };
    const auto appended =
        writer.append_wait(std::span(record).first(load.sizes.of(0, number)), patience, callback);
    if (!appended) return appended.error();
    live.records.fetch_add(1, std::memory_order_relaxed);
  }
  return {};
}

}  // namespace

Result<TailFigures> tail_once(const TailTrial& trial, Live& live) {
  live.records = 0;
  const Scratch scratch(trial.store);
  const auto writer = Writer::open(scratch.log(), trial.writer);
  if (!writer) return writer.error();
  LogAddress seen = scratch.log();
  // A writer wakes those who read by the same store object.
  if (!trial.wake) seen.store = std::make_shared<object_store::MeteredStore>(seen.store);
  auto reader =
      Reader::open(seen, {.from = 0, .follow = true, .poll_ms = trial.poll_ms, .poll_max_ms = trial.poll_ms});
  if (!reader) return reader.error();
  const StoreUse opening = scratch.witness()->use();
  const auto records = static_cast<std::size_t>(trial.load.records_per_second * trial.load.seconds);
  Times times(records);
  Follower follower(*std::move(reader), trial.load.sizes, times);
  const Result<void> appended = append_at_rate(**writer, trial.load, times, live);
  const Result<void> closed = (*writer)->close(patience);
  const Result<void> followed = follower.wait();
  for (const Result<void>& result : {appended, closed, followed}) {
    if (!result) return result.error();
  }
  TailFigures figures;
  figures.records = records;
  figures.use = scratch.witness()->use() - opening;
  for (std::size_t offset = 0; offset < records; ++offset) {
    figures.append_to_read_us.add(micros_between(times.began[offset], times.read[offset]));
    figures.append_to_ack_us.add(micros_between(times.began[offset], times.acknowledged[offset]));
    figures.ack_to_read_us.add(micros_between(times.acknowledged[offset], times.read[offset]));
  }
  const std::vector<Upload> uploads = scratch.witness()->uploads();
  for (std::size_t i = 0; i < std::min<std::size_t>(uploads.size(), 50); ++i) {
    const auto got = get_raw(*scratch.log().store, {uploads[i].key}, 1);
    if (!got) return got.error();
    figures.get_us.add(static_cast<std::uint64_t>(got->seconds * 1e6));
  }
  return figures;
}

}  // namespace varve::bench
