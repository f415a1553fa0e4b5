// Writers that compress: what they store is read back, in order, whatever the batches are like.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "append/compression/compressor.h"
#include "testing/faulty.h"
#include "testing/writers.h"

namespace varve::append {
namespace {

using format::Codec;
using object_store::FaultyStore;

constexpr Compression every_kind[] = {Compression::none, Compression::lz4, Compression::zstd,
                                      Compression::adaptive};

std::string wordy(std::size_t number, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes)
    text += "the line " + std::to_string(number) + " of a log that repeats itself; ";
  text.resize(bytes);
  return text;
}

std::string noise(std::size_t number, std::size_t bytes) {
  std::minstd_rand random(static_cast<std::minstd_rand::result_type>(number + 1));
  std::string text(bytes, '\0');
  std::ranges::generate(text, [&] { return static_cast<char>(random() >> 8U); });
  return text;
}

std::unique_ptr<Writer> open_writer(const LogAddress& log, Compression compression) {
  auto writer = Writer::open(log, {.batch_bytes = std::size_t{64} << 10, .compression = compression});
  EXPECT_TRUE(writer) << writer.error().message();
  return writer ? *std::move(writer) : nullptr;
}

std::string log_name(std::string_view test, Compression compression) {
  return std::string(test) + "-" + std::string(to_string(compression));
}

TEST(Compressing, WhatIsAppendedIsReadBack) {
  for (const Compression compression : every_kind) {
    const LogAddress log = fresh_log(log_name("read-back", compression));
    std::vector<std::string> expected;
    {
      const auto writer = open_writer(log, compression);
      for (std::size_t i = 0; i < 600; ++i) {
        // Stretches of one and the other, and batches of both.
        expected.push_back(i / 50 % 2 == 0 ? wordy(i, i * 7 % 5'000) : noise(i, i * 5 % 3'000));
        ASSERT_TRUE(writer->append(bytes_of(expected.back())));
        if (i % 100 == 17) {
          ASSERT_TRUE(writer->flush());
        }
      }
      expected.push_back(wordy(7, 300'000));  // an object of its own
      ASSERT_TRUE(writer->append(bytes_of(expected.back())));
      ASSERT_TRUE(writer->close());
    }
    EXPECT_EQ(read_back(log).records, expected) << to_string(compression);
  }
}

TEST(Compressing, ObjectsSayHowTheyAre) {
  for (const Compression compression : {Compression::lz4, Compression::zstd}) {
    const LogAddress log = fresh_log(log_name("headers", compression));
    const Codec codec = compression == Compression::lz4 ? Codec::lz4 : Codec::zstd;
    const auto writer = open_writer(log, compression);
    ASSERT_TRUE(writer->append(bytes_of(wordy(1, 50'000))) && writer->flush());
    ASSERT_TRUE(writer->append(bytes_of(noise(1, 50'000))) && writer->flush());
    ASSERT_TRUE(writer->append(bytes_of("x")) && writer->flush());
    ASSERT_TRUE(writer->close());
    std::vector<Codec> codecs;
    for (const format::Header& header : read_back(log).objects) codecs.push_back(header.codec);
    // Seal, the three, the end.
    EXPECT_EQ(codecs, (std::vector{Codec::none, codec, Codec::none, Codec::none, Codec::none}));
    const WriterMetrics metrics = writer->metrics();
    EXPECT_EQ(codec == Codec::lz4 ? metrics.lz4_objects : metrics.zstd_objects, 1U);
    EXPECT_EQ(codec == Codec::lz4 ? metrics.zstd_objects : metrics.lz4_objects, 0U);
    EXPECT_EQ(metrics.compress_us.count(), 3U);
    EXPECT_GT(metrics.record_bytes, 100'000U);
    EXPECT_LT(metrics.object_bytes, 60'000U);
  }
}

TEST(Compressing, ManyThreadsOneOrder) {
  constexpr std::size_t threads = 4;
  constexpr std::size_t each = 2'000;
  for (const Compression compression : every_kind) {
    const LogAddress log = fresh_log(log_name("threads", compression));
    const auto writer = open_writer(log, compression);
    std::atomic<Offset> told_below = 0;
    std::atomic<int> out_of_order = 0;
    struct Shared {
      std::atomic<Offset>* told_below;
      std::atomic<int>* out_of_order;
    } shared{&told_below, &out_of_order};
    std::vector<std::thread> producers;
    producers.reserve(threads);
    for (std::size_t thread = 0; thread < threads; ++thread) {
      producers.emplace_back([&writer, &shared, thread] {
        for (std::size_t i = 0; i < each; ++i) {
          const std::size_t number = thread * each + i;
          const std::string text = i % 7 == 0 ? noise(number, 500) : wordy(number, 300);
          const auto appended = writer->append_wait(
              bytes_of(text), std::chrono::seconds(30), [of = &shared](const Result<Offset>& outcome) {
                if (!outcome || *outcome != of->told_below->fetch_add(1)) of->out_of_order->fetch_add(1);
              });
          ASSERT_TRUE(appended) << appended.error().message();
        }
      });
    }
    for (std::thread& producer : producers) producer.join();
    ASSERT_TRUE(writer->close());
    EXPECT_EQ(told_below, threads * each);
    EXPECT_EQ(out_of_order, 0);
    EXPECT_EQ(read_back(log).records.size(), threads * each);
  }
}

TEST(Compressing, ALogIsTrimmedAndClosedAsEver) {
  const LogAddress log = fresh_log("trimmed");
  const auto writer = open_writer(log, Compression::zstd);
  for (std::size_t i = 0; i < 200; ++i) ASSERT_TRUE(writer->append(bytes_of(wordy(i, 2'000))));
  ASSERT_TRUE(writer->flush());
  const auto trimmed = writer->trim(100);
  ASSERT_TRUE(trimmed) << trimmed.error().message();
  EXPECT_EQ(trimmed->start_offset, 100U);
  EXPECT_GT(trimmed->objects_deleted, 0U);
  ASSERT_TRUE(writer->append(bytes_of(wordy(200, 2'000))));
  ASSERT_TRUE(writer->close());
  EXPECT_EQ(writer->status().durable_offset, 201U);
}

// What was on its way into the store, in the compressor or behind it, hears of the end, once, in order.
TEST(Compressing, AFencedWriterTellsEverybody) {
  const LogAddress below = fresh_log("fenced");
  const auto store = std::make_shared<FaultyStore>(below.store);
  const auto writer = open_writer({store, below.path}, Compression::zstd);
  const auto other = open_writer(below, Compression::lz4);
  struct Heard {
    std::atomic<std::uint64_t> failed = 0;
    std::atomic<std::uint64_t> fine = 0;
  } heard;
  std::uint64_t appended = 0;
  for (std::size_t i = 0; i < 5'000; ++i) {
    const auto done = writer->append_wait(
        bytes_of(wordy(i, 1'000)), std::chrono::seconds(30),
        [of = &heard](const Result<Offset>& outcome) { ++(outcome ? of->fine : of->failed); });
    if (!done) break;
    ++appended;
  }
  EXPECT_FALSE(writer->close());
  EXPECT_EQ(writer->status().failure->code(), Code::fenced);
  EXPECT_EQ(heard.fine, 0U);
  EXPECT_EQ(heard.failed, appended);
  ASSERT_TRUE(other->close());
}

TEST(Compressing, TakesNoMemoryBeyondItsBuffers) {
  const LogAddress log = fresh_log("memory");
  constexpr std::size_t bytes_max = std::size_t{1} << 20;
  auto writer = Writer::open(log, {.batch_bytes = std::size_t{64} << 10,
                                   .buffered_bytes_max = bytes_max,
                                   .compression = Compression::lz4})
                    .value();
  for (std::size_t i = 0; i < 5'000; ++i) {
    ASSERT_TRUE(writer->append_wait(bytes_of(wordy(i, 2'000)), std::chrono::seconds(30)));
    ASSERT_LE(writer->status().buffered_bytes, bytes_max);
  }
  ASSERT_TRUE(writer->close());
  EXPECT_EQ(read_back(log).records.size(), 5'000U);
}

TEST(Compressing, AnImpossibleLevelIsRefused) {
  const auto refused = Writer::open(fresh_log("level"), {.compression_level = 20});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::invalid_argument);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("compression_level"));
}

}  // namespace
}  // namespace varve::append
