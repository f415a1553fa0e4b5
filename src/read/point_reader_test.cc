#include "varve/point_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>

#include "format/header.h"
#include "format/trailer.h"
#include "object_store/memory/memory_store.h"
#include "object_store/metered.h"
#include "testing/log_builder.h"

namespace varve {
namespace {

using object_store::RequestKind;
using testing::BuiltWriter;
using testing::LogBuilder;
using testing::payload_of;
using testing::Unstored;

std::string text_of(const OwnedRecord& record) {
  return {reinterpret_cast<const char*>(record.data.data()), record.data.size()};
}

std::unique_ptr<PointReader> open_points(const LogBuilder& log, PointReaderOptions options = {}) {
  auto reader = PointReader::open(log.address(), options);
  EXPECT_TRUE(reader) << reader.error().message();
  return reader ? *std::move(reader) : nullptr;
}

void expect_record(PointReader& reader, Offset offset, std::size_t record_bytes = 0) {
  const auto record = reader.read(offset);
  ASSERT_TRUE(record) << record.error().message();
  EXPECT_EQ(record->offset, offset);
  EXPECT_EQ(text_of(*record), payload_of(offset, record_bytes));
  EXPECT_GT(record->time_unix_ms, 0);
}

/// A log in a store that counts.
struct Counted {
  std::shared_ptr<object_store::MeteredStore> store =
      std::make_shared<object_store::MeteredStore>(std::make_shared<object_store::MemoryStore>("counted"));
  LogBuilder log{LogAddress{store, "log"}, 4};

  [[nodiscard]] std::uint64_t requests() const {
    std::uint64_t all = 0;
    for (const auto kind : {RequestKind::put_if_absent, RequestKind::put, RequestKind::get, RequestKind::list,
                            RequestKind::remove}) {
      all += store->counts(kind).started;
    }
    return all;
  }
  [[nodiscard]] std::uint64_t got_bytes() const { return store->counts(RequestKind::get).bytes; }
};

TEST(PointReader, NoLog) {
  const LogBuilder log;
  EXPECT_EQ(PointReader::open(log.address()).error().code(), Code::not_found);
}

TEST(PointReader, ReadsEveryRecordInAnyOrder) {
  for (const std::size_t cache_bytes : {std::size_t{0}, std::size_t{2000}, std::size_t{4} << 20}) {
    LogBuilder log;
    for (int epoch = 0; epoch < 3; ++epoch) {
      BuiltWriter writer = log.open();
      for (std::size_t i = 0; i < 20; ++i) writer.put(i % 4);
      if (epoch == 1) writer.close();
    }
    std::vector<Offset> offsets(90);
    for (Offset i = 0; i < 90; ++i) offsets[i] = i;
    std::shuffle(offsets.begin(), offsets.end(), std::minstd_rand(7));
    const auto reader = open_points(log, {.cache_bytes = cache_bytes});
    for (const Offset offset : offsets) expect_record(*reader, offset);
  }
}

TEST(PointReader, ALargeObjectsIndexLeadsToTheRecord) {
  Counted counted;
  BuiltWriter writer = counted.log.open();
  writer.put(3);
  writer.put(5000, 200);   // a megabyte
  writer.put(4, 300'000);  // records longer than a stride
  writer.put(3);
  const auto reader = open_points(counted.log);
  for (const Offset offset : {3U, 4U, 2500U, 5002U}) expect_record(*reader, offset, 200);
  for (const Offset offset : {5003U, 5004U, 5006U}) expect_record(*reader, offset, 300'000);

  // Known by now: one GET, of a stride and a record at most, and of the header before or beside them.
  for (const Offset offset : {10U, 1000U, 3333U}) {
    const std::uint64_t requests = counted.requests();
    const std::uint64_t bytes = counted.got_bytes();
    expect_record(*reader, offset, 200);
    EXPECT_LE(counted.requests(), requests + 2);
    EXPECT_LE(counted.got_bytes(), bytes + format::header_bytes + format::index_stride_bytes + 208);
  }
}

// Cold: 8 or 9 headers in each round of log9(objects), an index, a record.
// 64 KiB blocks of records that shrink to a few hundred bytes each.
TEST(PointReader, OfACompressedObjectFetchesABlockOrTwo) {
  for (const format::Codec codec : {format::Codec::lz4, format::Codec::zstd}) {
    Counted counted;
    BuiltWriter writer = counted.log.open();
    writer.pack_with({.codec = codec, .level = 1, .block_log2 = 16});
    constexpr std::size_t records = 500;
    constexpr std::size_t record_bytes = 5'000;
    const Unstored object = writer.make(records, record_bytes);
    writer.land(object);
    ASSERT_LT(object.body.size(), records * record_bytes / 10);
    const auto reader = open_points(counted.log);
    expect_record(*reader, 0, record_bytes);
    const std::uint64_t requests = counted.requests();
    const std::uint64_t bytes = counted.got_bytes();
    expect_record(*reader, 250, record_bytes);
    EXPECT_EQ(counted.requests() - requests, 2U);
    EXPECT_LT(counted.got_bytes() - bytes, object.body.size() / 10);
    for (Offset offset = 0; offset < records; ++offset) expect_record(*reader, offset, record_bytes);
  }
}

TEST(PointReader, ASearchAsksForFewHeadersAndTheNextForFewer) {
  Counted counted;
  BuiltWriter writer = counted.log.open();
  for (int i = 0; i < 700; ++i) writer.put(2);
  writer.write_checkpoint();
  const auto reader = open_points(counted.log);
  std::uint64_t before = counted.requests();
  std::uint64_t bytes = counted.got_bytes();
  expect_record(*reader, 777);
  const std::uint64_t cold = counted.requests() - before;
  EXPECT_LE(cold, 3 * 9 + 1U);  // 9 ^ 3 = 729
  EXPECT_LE(counted.got_bytes() - bytes, cold * format::header_bytes + 64) << "headers, and two records";

  before = counted.requests();
  expect_record(*reader, 779);  // the object beside it
  EXPECT_LT(counted.requests() - before, cold / 2);
  before = counted.requests();
  expect_record(*reader, 776);
  EXPECT_EQ(counted.requests() - before, 1U);
}

TEST(PointReader, SeesWhatComesLater) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  const auto reader = open_points(log);
  const Error early = reader->read(0).error();
  EXPECT_EQ(early.code(), Code::out_of_range);
  EXPECT_EQ(early.valid_range(), (OffsetRange{0, 0}));
  writer.put(2);
  expect_record(*reader, 1);
  BuiltWriter successor = log.open();
  successor.put(2);
  expect_record(*reader, 3);
  EXPECT_EQ(reader->read(4).error().valid_range(), (OffsetRange{0, 4}));
  EXPECT_EQ(reader->read(UINT64_MAX).error().code(), Code::out_of_range);
}

TEST(PointReader, TrimmedMeanwhileIsOutOfRange) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (int i = 0; i < 20; ++i) writer.put(5);
  const auto reader = open_points(log);
  expect_record(*reader, 12);  // its object is known
  writer.trim(60);
  writer.sweep();
  for (const Offset gone : {12U, 13U, 33U}) {  // known; known; to be searched for in what was seen before
    const auto record = reader->read(gone);
    ASSERT_FALSE(record) << gone;
    EXPECT_EQ(record.error().code(), Code::out_of_range) << record.error().message();
    EXPECT_EQ(record.error().valid_range(), (OffsetRange{60, 100}));
  }
  expect_record(*reader, 60);
  expect_record(*reader, 99);
}

TEST(PointReader, ARecordOutlivesReaderAndLog) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  writer.put(3);
  auto reader = open_points(log);
  const OwnedRecord record = reader->read(1).value();
  reader.reset();
  for (const Seq seq : log.stored()) log.remove(seq);
  EXPECT_EQ(text_of(record), payload_of(1));
}

TEST(PointReader, DamageNamesTheObjectAndIsNeverData) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  writer.put(3);
  const Seq seq = writer.put(2000, 200);
  writer.put(3);
  const std::size_t bytes = log.load(seq).size();
  std::minstd_rand random(11);
  std::size_t noticed = 0;
  for (int round = 0; round < 300; ++round) {
    const std::size_t at = round < 20 ? bytes - 1 - static_cast<std::size_t>(round) : random() % bytes;
    log.flip_bit(seq, at);
    const auto reader = open_points(log);
    for (const Offset offset : {3U, 1000U, 2002U}) {
      const auto record = reader->read(offset);
      if (record) {
        EXPECT_EQ(text_of(*record), payload_of(offset, 200)) << at;  // the damage is elsewhere
        continue;
      }
      ++noticed;
      EXPECT_TRUE(record.error().code() == Code::corruption || record.error().code() == Code::foreign ||
                  record.error().code() == Code::unsupported)
          << record.error().message();
      EXPECT_THAT(record.error().message(), ::testing::HasSubstr(std::to_string(seq)));
    }
    log.flip_bit(seq, at);
  }
  EXPECT_GT(noticed, 60U);  // the trailer's 20 are noticed by all three
}

TEST(PointReader, AMissingOrShortObjectIsCorruption) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  std::vector<Seq> seqs;
  seqs.reserve(40);
  for (int i = 0; i < 40; ++i) seqs.push_back(writer.put(3, 50));
  const auto reader = open_points(log);
  expect_record(*reader, 15, 50);
  const std::vector<std::byte> whole = log.load(seqs[5]);
  log.replace(seqs[5], {whole.begin(), whole.begin() + format::header_bytes + 10});
  EXPECT_EQ(reader->read(15).error().code(), Code::corruption);
  log.remove(seqs[5]);
  const auto record = reader->read(15);
  EXPECT_EQ(record.error().code(), Code::corruption);
  EXPECT_THAT(record.error().message(), ::testing::HasSubstr(log.log_store().key_of(seqs[5])));
  log.store({.seq = seqs[5], .body = whole});
  expect_record(*reader, 15, 50);
}

TEST(PointReader, TellsInNumbersWhatItDid) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (int i = 0; i < 5; ++i) writer.put(10);
  const auto reader = open_points(log, {.cache_bytes = 5000});
  const std::uint64_t opening = reader->metrics().requests.get.asked;
  for (const Offset offset : {7U, 8U, 31U}) expect_record(*reader, offset);
  EXPECT_FALSE(reader->read(50));
  PointReaderMetrics metrics = reader->metrics();
  EXPECT_EQ(metrics.records, 3U);
  EXPECT_EQ(metrics.record_bytes, payload_of(7).size() + payload_of(8).size() + payload_of(31).size());
  EXPECT_EQ(metrics.failures, 1U);
  EXPECT_EQ(metrics.searches + metrics.cache_hits, 3U);
  EXPECT_GE(metrics.searches, 1U);
  EXPECT_GE(metrics.cache_hits, 1U) << "7 and 8 lie in one object";
  EXPECT_EQ(metrics.refreshes, 1U) << "offset 50 was not there, and might have come";
  EXPECT_EQ(metrics.checksum_failures, 0U);
  EXPECT_GE(metrics.cached_objects, 2U);
  EXPECT_GT(metrics.cached_bytes, 0U);
  EXPECT_LE(metrics.cached_bytes, 5000U);
  EXPECT_GT(metrics.requests.get.asked, opening + 3);

  log.flip_bit(log.stored().back(), format::header_bytes + 20);  // a record's payload
  EXPECT_FALSE(reader->read(40));
  metrics = reader->metrics();
  EXPECT_EQ(metrics.failures, 2U);
  EXPECT_EQ(metrics.checksum_failures, 1U);
}

TEST(PointReader, ThreadsReadSideBySide) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (int i = 0; i < 50; ++i) writer.put(10);
  const auto reader = open_points(log, {.cache_bytes = 5000});  // they drive each other's out
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (unsigned seed = 1; seed <= 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::minstd_rand random(seed);
      for (int i = 0; i < 100; ++i) {
        const Offset offset = random() % 500;
        const auto record = reader->read(offset);
        if (!record || text_of(*record) != payload_of(offset)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace varve
