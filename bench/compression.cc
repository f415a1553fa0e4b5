#include "bench/compression.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "bench/contestant.h"
#include "bench/process.h"
#include "bench/scratch.h"
#include "varve/reader.h"

namespace varve::bench {

namespace {

// Records an append call.
constexpr std::size_t group = 32;

/// What one call appended: where, and what of the corpus.
struct Called {
  Offset offset = 0;
  std::size_t first = 0;
};

/// Callbacks come from one thread, so nothing here needs a lock.
struct Told {
  Clock::time_point start = Clock::now();
  Histogram ack_us;
  std::vector<Called> called;  // as calls were acknowledged
  std::atomic<bool> failed = false;
};

/// Each producer has a part of the corpus for itself: two that append the same bytes at the same time would
/// make even random ones compressible.
std::span<const std::span<const std::byte>> part_of(std::span<const std::span<const std::byte>> all,
                                                    std::uint32_t number, std::uint32_t parts) {
  const std::size_t size = all.size() / parts / group * group;
  return number + 1 == parts ? all.subspan(size * number) : all.subspan(size * number, size);
}

class CorpusProducer {
 public:
  CorpusProducer(Contestant& contestant, const CompressionTrial& trial, std::uint32_t number, Told& told,
                 Live& live)
      : contestant_(contestant),
        trial_(trial),
        records_(part_of(trial.corpus->records, number, trial.producers)),
        first_(static_cast<std::size_t>(records_.data() - trial.corpus->records.data())),
        told_(told),
        live_(live) {}

  // At a rate: each call when it is due.
  void operator()(Clock::time_point end) {
    const Clock::time_point begin = Clock::now();
    const double rate = trial_.bytes_per_second / trial_.producers;
    while (!error_ && Clock::now() < end) {
      if (rate > 0) {
        const std::chrono::duration<double> after(static_cast<double>(bytes_) / rate);
        const auto due = begin + std::chrono::duration_cast<Clock::duration>(after);
        if (due >= end) return;
        std::this_thread::sleep_until(due);
      }
      if (!append()) return;
    }
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  // False: that was enough.
  bool append() {
    struct Call {
      Told* told;
      std::uint32_t began_us;
      std::uint32_t first;
    };
    static_assert(sizeof(Call) <= 2 * sizeof(void*));
    if (at_ >= records_.size()) at_ = 0;
    const auto part = records_.subspan(at_, std::min(group, records_.size() - at_));
    const auto now_us = [told = &told_] {
      return static_cast<std::uint32_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - told->start).count());
    };
    const Call call{&told_, now_us(), static_cast<std::uint32_t>(first_ + at_)};
    const Result<void> done = contestant_.append(part, false, [call](const Result<Offset>& outcome) {
      if (!outcome) return call.told->failed.store(true, std::memory_order_relaxed);
      const auto passed =
          std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - call.told->start).count();
      call.told->ack_us.add(static_cast<std::uint64_t>(passed) - call.began_us);
      call.told->called.push_back({.offset = *outcome, .first = call.first});
    });
    if (!done) {
      error_ = done.error();
      return false;
    }
    std::uint64_t bytes = 0;
    for (const auto& record : part) bytes += record.size();
    at_ += part.size();
    bytes_ += bytes;
    live_.records.fetch_add(part.size(), std::memory_order_relaxed);
    return live_.bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes < trial_.bytes_max;
  }

  Contestant& contestant_;
  const CompressionTrial& trial_;
  std::span<const std::span<const std::byte>> records_;
  std::size_t first_;  // of the corpus
  std::size_t at_ = 0;
  Told& told_;
  Live& live_;
  std::uint64_t bytes_ = 0;
  std::optional<Error> error_;
};

Error came_back_wrong(Offset offset) {
  return {Code::corruption, fmt::format("record {} is not the one that was appended there", offset)};
}

/// Every record where its call was told that it is.
Result<void> check(const LogAddress& log, const Corpus& corpus, const std::vector<Called>& called,
                   Offset records) {
  auto reader = Reader::open(log);
  if (!reader) return reader.error();
  Offset expected = 0;
  for (const Called& call : called) {
    if (call.offset != expected) return came_back_wrong(call.offset);
    const std::size_t count = std::min(group, corpus.records.size() - call.first);
    for (std::size_t i = 0; i < count; ++i, ++expected) {
      const auto record = (*reader)->next();
      if (!record) return record.error();
      const auto& appended = corpus.records[call.first + i];
      if (!*record || (*record)->offset != expected || !std::ranges::equal((*record)->data, appended))
        return came_back_wrong(expected);
    }
  }
  const auto more = (*reader)->next();
  if (!more) return more.error();
  return expected == records && !*more ? Result<void>() : came_back_wrong(expected);
}

}  // namespace

Result<CompressionFigures> compress_once(const CompressionTrial& trial, Live& live) {
  live.records = 0;
  live.bytes = 0;
  const Scratch scratch(trial.store);
  const auto contestant = make_varve(scratch.log(), trial.writer);
  if (!contestant) return contestant.error();
  const StoreUse opening = scratch.witness()->use();
  Told told;
  std::vector<CorpusProducer> producers;
  producers.reserve(trial.producers);
  for (std::uint32_t i = 0; i < trial.producers; ++i)
    producers.emplace_back(**contestant, trial, i, told, live);
  const double cpu_before = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  const auto end =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(trial.seconds));
  std::vector<std::thread> threads;
  threads.reserve(producers.size());
  for (CorpusProducer& producer : producers) threads.emplace_back([&producer, end] { producer(end); });
  for (std::thread& thread : threads) thread.join();
  const Result<void> finished = (*contestant)->finish();
  CompressionFigures figures;
  figures.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  figures.cpu_seconds = cpu_seconds() - cpu_before;
  if (!finished) return finished.error();
  for (const CorpusProducer& producer : producers) {
    if (producer.error()) return *producer.error();
    figures.bytes += producer.bytes();
  }
  if (told.failed) return Error(Code::internal, "an append failed after it was accepted");
  figures.stored_bytes = (scratch.witness()->use() - opening).put_bytes;
  figures.ack_us = told.ack_us;
  for (const Called& call : told.called) {
    const std::size_t count = std::min(group, trial.corpus->records.size() - call.first);
    for (std::size_t i = 0; i < count; ++i)
      figures.laid_out_bytes += (trial.corpus->records[call.first + i].size() + 15) / 8 * 8;
  }
  const Result<void> right = check(scratch.log(), *trial.corpus, told.called, live.records);
  return right ? Result<CompressionFigures>(figures) : Result<CompressionFigures>(right.error());
}

}  // namespace varve::bench
