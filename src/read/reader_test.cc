#include "varve/reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <thread>

#include "format/records.h"
#include "object_store/bytes.h"
#include "object_store/metered.h"
#include "testing/log_builder.h"

namespace varve {
namespace {

using std::chrono::milliseconds;
using testing::BuiltWriter;
using ::testing::HasSubstr;
using testing::LogBuilder;
using testing::payload_of;
using testing::Unstored;

constexpr milliseconds long_enough{20'000};

std::string_view text_of(std::span<const std::byte> data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

std::unique_ptr<Reader> open_reader(const LogBuilder& log, ReaderOptions options = {}) {
  auto reader = Reader::open(log.address(), options);
  EXPECT_TRUE(reader) << reader.error().message();
  return reader ? *std::move(reader) : nullptr;
}

/// Reads on until there is no next record; checks each. The offset reached.
Offset read_to_end(Reader& reader) {
  while (true) {
    const Offset expected = reader.position();
    const auto record = reader.next(long_enough);
    EXPECT_TRUE(record) << record.error().message();
    if (!record || !*record) return expected;
    EXPECT_EQ((*record)->offset, expected);
    const std::string payload = payload_of(expected, (*record)->data.size());
    EXPECT_EQ(text_of((*record)->data), payload);
    if (text_of((*record)->data) != payload) return expected;
  }
}

/// Reads `count` records.
void read_some(Reader& reader, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const Offset expected = reader.position();
    const auto record = reader.next(long_enough);
    ASSERT_TRUE(record) << record.error().message();
    ASSERT_TRUE(*record);
    ASSERT_EQ((*record)->offset, expected);
  }
}

/// Reads until an error comes, and returns it.
Error read_to_error(Reader& reader) {
  while (true) {
    const auto record = reader.next(long_enough);
    if (!record) return record.error();
    if (!*record) {
      ADD_FAILURE() << "the log ended at offset " << reader.position() << " instead";
      return {Code::internal, "no error"};
    }
  }
}

TEST(Reader, NoLog) {
  const LogBuilder log;
  const auto reader = Reader::open(log.address());
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code(), Code::not_found);
}

TEST(Reader, RefusesImpossibleOptions) {
  LogBuilder log;
  log.open();
  EXPECT_EQ(Reader::open(log.address(), {.read_ahead_objects = 0}).error().code(), Code::invalid_argument);
  EXPECT_EQ(Reader::open(log.address(), {.read_ahead_objects = 257}).error().code(), Code::invalid_argument);
  EXPECT_EQ(Reader::open(log.address(), {.poll_ms = 0}).error().code(), Code::invalid_argument);
  EXPECT_EQ(Reader::open(log.address(), {.poll_ms = 60'001}).error().code(), Code::invalid_argument);
}

TEST(Reader, RefusesImpossiblePauses) {
  LogBuilder log;
  log.open();
  EXPECT_EQ(Reader::open(log.address(), {.poll_max_ms = 0}).error().code(), Code::invalid_argument);
  EXPECT_EQ(Reader::open(log.address(), {.poll_max_ms = 60'001}).error().code(), Code::invalid_argument);
}

TEST(Reader, EmptyLogEnds) {
  LogBuilder log;
  log.open();
  const auto reader = open_reader(log);
  EXPECT_EQ(read_to_end(*reader), 0U);
}

TEST(Reader, ReadsAcrossEpochsAndEmptyObjects) {
  LogBuilder log;
  for (int epoch = 0; epoch < 4; ++epoch) {
    BuiltWriter writer = log.open();
    for (std::size_t i = 0; i < 20; ++i) writer.put(i % 4);
    if (epoch % 2 == 0) writer.close();
  }
  const auto reader = open_reader(log);
  EXPECT_EQ(read_to_end(*reader), 4 * 5 * 6U);
}

TEST(Reader, CountsTheObjectsItBegins) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  writer.put(3);
  writer.put(5);
  const auto reader = open_reader(log, {.from = 1});
  EXPECT_EQ(reader->metrics().offset, 1U);
  EXPECT_EQ(reader->metrics().records, 0U);
  read_some(*reader, 1);
  EXPECT_EQ(reader->metrics().records, 2U) << "offsets 1 and 2 of the first object";
  EXPECT_EQ(read_to_end(*reader), 8U);
  const ReaderMetrics metrics = reader->metrics();
  EXPECT_EQ(metrics.offset, 3U) << "where the last object begins";
  EXPECT_EQ(metrics.records, 7U);
  EXPECT_EQ(metrics.objects, 2U);
  EXPECT_GE(metrics.polls, 1U);
  EXPECT_EQ(metrics.checksum_failures, 0U);
  EXPECT_GE(metrics.requests.get.asked, 2U);
  EXPECT_GT(metrics.requests.get.bytes, metrics.object_bytes);
}

TEST(Reader, OpensAtEveryOffset) {
  LogBuilder log;
  for (int epoch = 0; epoch < 3; ++epoch) {
    BuiltWriter writer = log.open();
    for (std::size_t i = 0; i < 7; ++i) writer.put(i % 3);
  }
  const Offset end = 3 * 6U;
  for (Offset from = 0; from <= end; ++from) {
    const auto reader = open_reader(log, {.from = from});
    EXPECT_EQ(reader->position(), from);
    EXPECT_EQ(read_to_end(*reader), end);
  }
}

TEST(Reader, ReadsCompressedObjectsFromEveryOffset) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (const format::Codec codec : {format::Codec::lz4, format::Codec::none, format::Codec::zstd}) {
    writer.pack_with({.codec = codec, .level = 1, .block_log2 = 16});
    for (int i = 0; i < 3; ++i) writer.put(10, 20'000);
  }
  const auto all = open_reader(log);
  for (Offset offset = 0; offset < 90; offset += 7) {
    const auto reader = open_reader(log, {.from = offset});
    for (Offset at = offset; at < 90; ++at) {
      const auto record = reader->next(long_enough);
      ASSERT_TRUE(record && *record);
      ASSERT_EQ((*record)->offset, at);
      ASSERT_EQ(text_of((*record)->data), payload_of(at, 20'000));
    }
  }
}

TEST(Reader, BeginsSoManyRecordsBeforeTheEnd) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (int i = 0; i < 5; ++i) writer.put(10);
  writer.trim(25);
  for (const std::uint64_t last : {0U, 1U, 10U, 24U, 25U, 26U, 1000U}) {
    const auto reader = open_reader(log, {.last = last});
    EXPECT_EQ(reader->position(), 50 - std::min<std::uint64_t>(last, 25));
    EXPECT_EQ(read_to_end(*reader), 50U);
  }
}

TEST(Reader, BeginsAtAMoment) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (int i = 0; i < 5; ++i) writer.put(10);
  std::vector<std::int64_t> times;
  const auto all = open_reader(log);
  for (Offset i = 0; i < 50; ++i) times.push_back((*all->next(long_enough))->time_unix_ms);
  for (const std::int64_t since : {INT64_MIN, times.front(), times.back(), times.back() + 1, INT64_MAX}) {
    const auto reader = open_reader(log, {.since_unix_ms = since});
    const auto first = std::ranges::find_if(times, [since](std::int64_t time) { return time >= since; });
    EXPECT_EQ(reader->position(), static_cast<Offset>(first - times.begin())) << since;
    EXPECT_EQ(read_to_end(*reader), 50U);
  }
  // The object of that moment holds the new start in its middle.
  writer.trim(25);
  EXPECT_EQ(open_reader(log, {.since_unix_ms = INT64_MIN})->position(), 25U);
}

TEST(Reader, BeginsInOneWay) {
  LogBuilder log;
  log.open();
  EXPECT_EQ(Reader::open(log.address(), {.from = 0, .last = 1}).error().code(), Code::invalid_argument);
  EXPECT_EQ(Reader::open(log.address(), {.since_unix_ms = 0, .last = 1}).error().code(),
            Code::invalid_argument);
}

TEST(Reader, OpensWithinLargeObjectByItsIndex) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  const Seq seq = writer.put(1000, 1000);
  // Damage before the wanted record's stride is not in the way.
  log.flip_bit(seq, format::header_bytes + 20);
  const auto reader = open_reader(log, {.from = 500});
  EXPECT_EQ(read_to_end(*reader), 1000U);
}

TEST(Reader, OutOfRangeCarriesTheValidRange) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (int i = 0; i < 5; ++i) writer.put(10);
  writer.trim(25);
  writer.sweep();
  for (const Offset from : {Offset{0}, Offset{24}, Offset{51}, UINT64_MAX}) {
    const auto reader = Reader::open(log.address(), {.from = from});
    ASSERT_FALSE(reader);
    EXPECT_EQ(reader.error().code(), Code::out_of_range);
    EXPECT_EQ(reader.error().valid_range(), (OffsetRange{25, 50}));
  }
  const auto reader = open_reader(log);
  EXPECT_EQ(reader->position(), 25U);
  EXPECT_EQ(read_to_end(*reader), 50U);
}

// Following. -----------------------------------------------------------------------------------

TEST(ReaderFollowing, SeesWhatComesAndATakeover) {
  LogBuilder log;
  BuiltWriter first = log.open();
  first.put(3);
  const auto reader = open_reader(log, {.follow = true, .poll_ms = 1});
  read_some(*reader, 3);
  EXPECT_FALSE(reader->next(milliseconds(0)).value());
  first.put(2);
  read_some(*reader, 2);
  BuiltWriter second = log.open();
  second.put(0);
  second.put(4);
  read_some(*reader, 4);
  EXPECT_EQ(reader->position(), 9U);
  EXPECT_FALSE(reader->next(milliseconds(5)).value());
}

TEST(ReaderFollowing, ParkedAtAHoleGoesOnThroughATakeover) {
  LogBuilder log;
  BuiltWriter first = log.open();
  first.put(1);
  const Unstored lost = first.make(5);
  const Unstored landed = first.make(5);
  log.store(landed);  // behind the hole: not acknowledged
  const auto reader = open_reader(log, {.follow = true, .poll_ms = 1});
  read_some(*reader, 1);
  EXPECT_FALSE(reader->next(milliseconds(200)).value());  // long enough to be judged more than once

  BuiltWriter second = log.open();
  second.put(2);
  read_some(*reader, 2);
  EXPECT_EQ(reader->position(), 3U);
}

TEST(ReaderFollowing, TheHoleIsFilledLater) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  const Unstored late = writer.make(5);
  const Unstored early = writer.make(5);
  log.store(early);
  const auto reader = open_reader(log, {.follow = true, .poll_ms = 1});
  EXPECT_FALSE(reader->next(milliseconds(20)).value());
  log.store(late);
  read_some(*reader, 10);
}

TEST(ReaderFollowing, StopEndsAWaitingNext) {
  LogBuilder log;
  log.open();
  const auto reader = open_reader(log, {.follow = true, .poll_ms = 60'000});
  std::thread stopper([&] { reader->stop(); });
  const auto record = reader->next();  // for ever but for the stop
  stopper.join();
  ASSERT_TRUE(record);
  EXPECT_FALSE(*record);
}

TEST(ReaderFollowing, WakeEndsThePauseBetweenPolls) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  const auto reader = open_reader(log, {.follow = true, .poll_ms = 60'000});
  EXPECT_FALSE(reader->next(std::chrono::milliseconds(1)).value());  // at the tail: a minute's pause begins
  writer.put(1);
  reader->wake();
  EXPECT_TRUE(reader->next(std::chrono::seconds(10)).value());
}

TEST(ReaderFollowing, AQuietLogIsAskedLessAndLess) {
  const auto store =
      std::make_shared<object_store::MeteredStore>(std::make_shared<object_store::MemoryStore>("quiet"));
  LogBuilder log(LogAddress{store, "log"}, 4);
  BuiltWriter writer = log.open();
  const auto reader = open_reader(log, {.follow = true, .poll_ms = 1, .poll_max_ms = 60'000});
  const std::uint64_t before = store->counts(object_store::RequestKind::get).started;
  EXPECT_FALSE(reader->next(milliseconds(400)).value());
  EXPECT_LE(store->counts(object_store::RequestKind::get).started - before, 100U);  // each millisecond: 400
  writer.put(1);
  read_some(*reader, 1);
}

TEST(ReaderFollowing, StopBeforeNextCountsOnce) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  writer.put(1);
  const auto reader = open_reader(log, {.follow = true});
  reader->stop();
  EXPECT_FALSE(reader->next(long_enough).value());
  EXPECT_TRUE(reader->next(long_enough).value());
}

TEST(ReaderFollowing, TrimmedPastTheReader) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (int i = 0; i < 10; ++i) writer.put(10);
  const auto reader = open_reader(log, {.read_ahead_bytes = 1, .read_ahead_objects = 1});
  read_some(*reader, 15);
  writer.trim(70);
  writer.sweep();
  // The object being read is here already; the next one is gone.
  const Error error = read_to_error(*reader);
  ASSERT_EQ(error.code(), Code::out_of_range) << error.message();
  ASSERT_EQ(error.valid_range(), (OffsetRange{70, 100}));
  EXPECT_EQ(read_to_error(*reader).code(), Code::out_of_range);
  const auto again = open_reader(log, {.from = error.valid_range()->begin});
  EXPECT_EQ(read_to_end(*again), 100U);
}

// An opener looked at the log when the reader's place was its tail, slept, and put its seal there
// when everything up to there had been trimmed away.
TEST(ReaderFollowing, ALateSealInATrimmedPlaceMisleadsNobody) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  writer.put(10);
  const auto reader = open_reader(log, {.follow = true, .poll_ms = 1, .poll_max_ms = 1});
  read_some(*reader, 10);
  EXPECT_FALSE(reader->next(milliseconds(5)).value());
  const Unstored seal = log.make_seal();
  for (int i = 0; i < 10; ++i) writer.put(10);
  writer.trim(70);
  writer.sweep();
  log.store(seal);
  const Error error = read_to_error(*reader);
  EXPECT_EQ(error.code(), Code::out_of_range) << error.message();
  EXPECT_EQ(error.valid_range(), (OffsetRange{70, 110}));
}

// The same, where what was trimmed had no records: the reader's offset is still there, elsewhere.
TEST(ReaderFollowing, ALateSealAmongTrimmedEmptyObjects) {
  for (int empties = 1; empties < 12; ++empties) {
    LogBuilder log;
    BuiltWriter writer = log.open();
    writer.put(10);
    const auto reader = open_reader(log, {.follow = true, .poll_ms = 1, .poll_max_ms = 1});
    read_some(*reader, 10);
    EXPECT_FALSE(reader->next(milliseconds(5)).value());
    const Unstored seal = log.make_seal();
    writer.put(0);
    for (int i = 0; i < empties; ++i) writer.trim(10);
    writer.trim(10);
    writer.sweep();
    log.store(seal);
    EXPECT_FALSE(reader->next(milliseconds(5)).value());
    writer.put(5);
    read_some(*reader, 5);
    EXPECT_EQ(reader->position(), 15U);
  }
}

// Damage. --------------------------------------------------------------------------------------

TEST(ReaderDamage, EachRecordIsChecked) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  writer.put(3);
  const Seq seq = writer.put(4);
  const std::size_t stored = format::stored_bytes(payload_of(0).size());
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t damage = format::header_bytes + i * stored + format::record_header_bytes + 2;
    log.flip_bit(seq, damage);
    const auto reader = open_reader(log);
    const Error error = read_to_error(*reader);
    EXPECT_EQ(error.code(), Code::corruption);
    EXPECT_EQ(reader->position(), 3 + i);
    EXPECT_EQ(reader->metrics().checksum_failures, 1U);
    EXPECT_THAT(error.message(), HasSubstr(fmt::format("record {}", 3 + i)));
    EXPECT_THAT(error.message(), HasSubstr(log.log_store().key_of(seq)));
    EXPECT_EQ(read_to_error(*reader).message(), error.message());
    log.flip_bit(seq, damage);
  }
}

TEST(ReaderDamage, ADamagedBlockIsNamed) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  writer.pack_with({.codec = format::Codec::zstd, .level = 1, .block_log2 = 16});
  const Seq seq = writer.put(10, 20'000);
  log.flip_bit(seq, format::header_bytes + 30);
  const auto reader = open_reader(log);
  const Error error = read_to_error(*reader);
  EXPECT_EQ(error.code(), Code::corruption);
  EXPECT_EQ(reader->position(), 0U);
  EXPECT_GT(reader->metrics().checksum_failures, 0U);
  EXPECT_THAT(error.message(), HasSubstr("block 0 of object"));
  EXPECT_THAT(error.message(), HasSubstr(log.log_store().key_of(seq)));
}

TEST(ReaderDamage, AMissingObjectIsNamed) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  std::vector<Seq> seqs;
  for (int i = 0; i < 40; ++i) seqs.push_back(writer.put(2));
  for (const std::size_t missing : {std::size_t{0}, std::size_t{5}, std::size_t{36}, std::size_t{38}}) {
    const std::vector<std::byte> body = log.load(seqs[missing]);
    log.remove(seqs[missing]);
    auto reader = Reader::open(log.address());
    // Near the end an opener notices itself; further back the reader does when it comes there.
    const Error error = reader ? read_to_error(**reader) : reader.error();
    EXPECT_EQ(error.code(), Code::corruption);
    EXPECT_THAT(error.message(), HasSubstr(fmt::format("object {}", seqs[missing])));
    if (reader) {
      EXPECT_THAT(error.message(), HasSubstr(fmt::format("(offset {})", 2 * missing)));
      EXPECT_EQ((*reader)->position(), 2 * missing);
      EXPECT_EQ(read_to_error(**reader).message(), error.message());
    }
    log.store({.seq = seqs[missing], .body = body});
  }
}

// Nothing of what was read or is to be read is lost: but what the object said is.
TEST(ReaderDamage, AMissingObjectWithoutRecordsIsNamed) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  std::vector<Seq> seqs;
  for (int i = 0; i < 60; ++i) seqs.push_back(writer.put(i == 19 || i == 20 || i == 21 ? 0 : 2));
  log.remove(seqs[20]);
  const auto reader = open_reader(log);
  const Error error = read_to_error(*reader);
  EXPECT_EQ(error.code(), Code::corruption);
  EXPECT_THAT(error.message(), HasSubstr(fmt::format("object {}", seqs[20])));
  EXPECT_EQ(reader->position(), 38U);
}

TEST(ReaderDamage, AMissingObjectThatComesBackIsRead) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  std::vector<Seq> seqs;
  for (int i = 0; i < 40; ++i) seqs.push_back(writer.put(2));
  const Unstored missing{.seq = seqs[5], .body = log.load(seqs[5])};
  log.remove(missing.seq);
  const auto reader = open_reader(log);
  EXPECT_EQ(read_to_error(*reader).code(), Code::corruption);
  log.store(missing);
  EXPECT_EQ(read_to_end(*reader), 80U);
}

TEST(ReaderDamage, OtherThingsInAnObjectsPlace) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  std::vector<Seq> seqs;
  for (int i = 0; i < 40; ++i) seqs.push_back(writer.put(2));
  const std::vector<std::byte> body = log.load(seqs[5]);
  const std::vector<std::byte> neighbour = log.load(seqs[6]);

  LogBuilder other;
  BuiltWriter stranger = other.open();
  const std::vector<std::byte> zeros(300);
  const std::vector<std::byte> cut(body.begin(), body.begin() + format::header_bytes + 10);
  const std::vector<std::pair<std::vector<std::byte>, Code>> cases{
      {{}, Code::corruption}, {zeros, Code::foreign}, {cut, Code::corruption}, {neighbour, Code::corruption}};
  for (const auto& [there, code] : cases) {
    log.replace(seqs[5], there);
    const auto reader = open_reader(log);
    const Error error = read_to_error(*reader);
    EXPECT_EQ(error.code(), code) << error.message();
    EXPECT_EQ(reader->position(), 10U);
    EXPECT_THAT(error.message(), HasSubstr(log.log_store().key_of(seqs[5])));
  }
}

TEST(ReaderDamage, AnEndThatWasReadAndIsLost) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (int i = 0; i < 3; ++i) writer.put(2);
  const auto reader = open_reader(log);
  EXPECT_EQ(read_to_end(*reader), 6U);
  log.remove(log.stored().back());
  EXPECT_EQ(read_to_error(*reader).code(), Code::corruption);
}

TEST(Reader, UnfinishedTailIsTheEnd) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  writer.put(2);
  writer.make(2);
  log.store(writer.make(2));
  log.store(writer.make(2));
  const auto reader = open_reader(log);
  EXPECT_EQ(read_to_end(*reader), 2U);
}

TEST(Reader, PinKeepsARecordAlive) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (int i = 0; i < 5; ++i) writer.put(1);
  const auto reader = open_reader(log);
  const auto record = reader->next().value();
  const auto pin = reader->pin();
  EXPECT_EQ(read_to_end(*reader), 5U);
  for (const Seq seq : log.stored()) log.remove(seq);
  EXPECT_EQ(text_of(record->data), payload_of(0));
}

}  // namespace
}  // namespace varve
