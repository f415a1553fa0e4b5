#include "varve/inspect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/header.h"
#include "format/key.h"
#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "testing/log_builder.h"

namespace varve {
namespace {

using testing::BuiltWriter;
using ::testing::HasSubstr;
using testing::LogBuilder;
using testing::Unstored;

VerifyReport verified(const LogBuilder& log) {
  auto report = verify(log.address());
  EXPECT_TRUE(report) << report.error().message();
  return report ? *std::move(report) : VerifyReport();
}

std::string text_of(const VerifyReport& report) {
  std::string text;
  for (const Finding& finding : report.findings) {
    text += fmt::format("{}: {}: {}\n", to_string(finding.severity), finding.key, finding.what);
  }
  return text;
}

/// 3 epochs of 10 objects with 2 records each, window 4: DATA at 4-13, 18-27, 32-41; seals at 0, 14, 28.
void build_three_epochs(LogBuilder& log) {
  for (int epoch = 0; epoch < 3; ++epoch) {
    BuiltWriter writer = log.open();
    for (int i = 0; i < 10; ++i) writer.put(2);
  }
}

TEST(Inspect, NoLog) {
  const LogBuilder log;
  EXPECT_EQ(inspect(log.address()).error().code(), Code::not_found);
  EXPECT_EQ(verify(log.address()).error().code(), Code::not_found);
}

TEST(Inspect, CountsWhatThereIs) {
  LogBuilder log;
  build_three_epochs(log);
  BuiltWriter writer = log.open();  // seal 42, DATA from 46
  writer.put(5);
  const Unstored lost = writer.make(1);
  const Unstored cut = writer.make(1);
  log.store(cut);
  const LogInfo info = inspect(log.address()).value();
  EXPECT_EQ(info.start_offset, 0U);
  EXPECT_EQ(info.end_offset, 65U);
  EXPECT_EQ(info.epoch, 42U);
  EXPECT_EQ(info.window, 4U);
  EXPECT_EQ(info.objects, 4 + 30 + 1U);
  EXPECT_EQ(info.truncated_objects, 1U);
  EXPECT_EQ(info.truncated_bytes, cut.body.size());
  EXPECT_EQ(info.garbage_objects, 0U);
  ASSERT_EQ(info.epochs.size(), 4U);
  EXPECT_EQ(info.epochs[1].epoch, 14U);
  EXPECT_EQ(info.epochs[1].first_offset, 20U);
  EXPECT_EQ(info.epochs[1].sealed_by, "host2:2");
  EXPECT_NE(info.epochs[1].sealed_unix_ms, 0);
  EXPECT_FALSE(info.epochs[1].closed_cleanly);
  EXPECT_EQ(info.lowest_live, 0U);
  EXPECT_EQ(info.tail, lost.seq);
  ASSERT_EQ(info.newest.size(), info.objects + info.truncated_objects);
  EXPECT_EQ(info.newest.front().role, ObjectRole::seal);
  const auto last = info.newest.end() - 1;
  EXPECT_EQ((last - 2)->seq, 42U);
  EXPECT_EQ((last - 2)->role, ObjectRole::seal);
  EXPECT_EQ((last - 1)->role, ObjectRole::data);
  EXPECT_EQ(last->seq, cut.seq);
  EXPECT_EQ(last->bytes, cut.body.size());
  EXPECT_EQ(to_string(last->role), "unfinished");
}

TEST(Inspect, CountsLeftoversAndCleanEnds) {
  LogBuilder log;
  build_three_epochs(log);
  BuiltWriter writer = log.open();
  writer.put(1);
  writer.trim(50);  // in epoch 28
  writer.close();
  const LogInfo info = inspect(log.address()).value();
  EXPECT_EQ(info.start_offset, 50U);
  EXPECT_EQ(info.garbage_objects, 10 + 10 + 5U);
  EXPECT_EQ(info.objects, 5 + 1 + 3U);
  ASSERT_EQ(info.epochs.size(), 2U);
  EXPECT_EQ(info.epochs[0].epoch, 28U);
  EXPECT_TRUE(info.epochs[1].closed_cleanly);
  writer.sweep();
  EXPECT_EQ(inspect(log.address())->garbage_objects, 0U);
}

TEST(Verify, ASoundLog) {
  LogBuilder log;
  build_three_epochs(log);
  BuiltWriter writer = log.open();
  writer.put(0);
  writer.put(200, 2000);
  writer.write_checkpoint();
  std::uint64_t calls = 0;
  const auto report = verify(log.address(), [&](std::uint64_t done, std::uint64_t total) {
    ++calls;
    EXPECT_LE(done, total);
  });
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->findings.empty()) << text_of(*report);
  EXPECT_TRUE(report->sound());
  EXPECT_EQ(report->records_checked, 260U);
  EXPECT_GT(calls, 0U);
}

TEST(Verify, LeftoversVoidsAndUnfinishedTailsAreNotes) {
  LogBuilder log;
  BuiltWriter first = log.open();
  first.put(2);
  first.put(2);
  const Unstored lost = first.make(2);
  const Unstored voided = first.make(2);
  log.store(voided);  // 7, behind the seal at 6
  BuiltWriter second = log.open();
  second.put(2);  // 10
  second.trim(2);
  const Unstored hole = second.make(3);
  const Unstored unfinished = second.make(3);
  log.store(unfinished);
  const VerifyReport report = verified(log);
  EXPECT_TRUE(report.sound()) << text_of(report);
  ASSERT_EQ(report.findings.size(), 3U) << text_of(report);
  EXPECT_EQ(report.findings[0].key, log.log_store().key_of(4));
  EXPECT_EQ(report.findings[1].key, log.log_store().key_of(7));
  EXPECT_EQ(report.findings[2].key, log.log_store().key_of(unfinished.seq));
  EXPECT_THAT(report.findings[2].what, HasSubstr("offsets 9 up to, but not including, 12"));
}

TEST(Verify, EveryMissingObjectIsNamedWithItsOffsets) {
  LogBuilder log;
  build_three_epochs(log);
  for (const Seq seq : log.stored()) {
    if (seq == 41) continue;  // the newest: nothing behind it knows of it
    const Unstored missing{.seq = seq, .body = log.load(seq)};
    log.remove(seq);
    const VerifyReport report = verified(log);
    EXPECT_FALSE(report.sound()) << seq;
    ASSERT_FALSE(report.findings.empty());
    EXPECT_EQ(report.findings[0].key, log.log_store().key_of(seq)) << text_of(report);
    const format::Header header = format::decode_header(missing.body).value();
    if (header.record_count > 0) {
      EXPECT_THAT(report.findings[0].what, HasSubstr(fmt::format("offsets {} up to, but not including, {}",
                                                                 header.first_offset, header.end_offset())));
    }
    log.store(missing);
  }
  EXPECT_TRUE(verified(log).sound());
}

TEST(Verify, EveryFlippedBitIsFound) {
  LogBuilder log;
  build_three_epochs(log);
  for (const Seq seq : {Seq{0}, Seq{5}, Seq{14}, Seq{20}, Seq{40}, Seq{41}}) {
    const std::size_t bytes = log.load(seq).size();
    for (std::size_t at = 0; at < bytes; at += 13) {
      log.flip_bit(seq, at);
      const VerifyReport report = verified(log);
      ASSERT_FALSE(report.sound()) << seq << " byte " << at;
      ASSERT_EQ(report.findings[0].key, log.log_store().key_of(seq)) << text_of(report);
      log.flip_bit(seq, at);
    }
  }
}

TEST(Verify, ForeignNamesAndBadCheckpointsAreWarnings) {
  LogBuilder log;
  build_three_epochs(log);
  Store& store = log.log_store().store();
  const std::string path = log.address().path;
  ASSERT_TRUE(object_store::put_now(store, path + "/wal/readme.txt", object_store::copy_bytes("hello")));
  ASSERT_TRUE(object_store::put_now(store, path + "/zebra", object_store::copy_bytes("hello")));
  ASSERT_TRUE(object_store::put_now(store, path + "/aardvark", object_store::copy_bytes("hello")));
  ASSERT_TRUE(object_store::put_now(store, format::checkpoint_key(path),
                                    object_store::copy_bytes("garbage garbage")));
  const VerifyReport report = verified(log);
  EXPECT_TRUE(report.sound()) << text_of(report);
  EXPECT_EQ(report.findings.size(), 4U) << text_of(report);
  for (const Finding& finding : report.findings) EXPECT_EQ(finding.severity, Severity::warning);
  EXPECT_EQ(report.records_checked, 60U);
}

TEST(Describe, NeverFails) {
  LogBuilder log;
  build_three_epochs(log);
  log.open().write_checkpoint();
  for (const Seq seq : {Seq{5}, Seq{14}}) {
    std::vector<std::byte> object = log.load(seq);
    EXPECT_THAT(describe_object(object), HasSubstr("every checksum holds"));
    for (std::size_t at = 0; at < object.size(); ++at) {
      object[at] ^= std::byte{0x10};
      EXPECT_THAT(describe_object(object), HasSubstr("DAMAGED"));
      EXPECT_THAT(describe_object(std::span(object).first(at)), HasSubstr("DAMAGED"));
      object[at] ^= std::byte{0x10};
    }
  }
  const auto checkpoint =
      object_store::get_now(log.log_store().store(), format::checkpoint_key(log.address().path));
  EXPECT_THAT(describe_object(checkpoint->data), HasSubstr("checkpoint"));
}

// Found by describe_fuzzer.
TEST(Describe, TellsAnyTime) {
  LogBuilder log;
  build_three_epochs(log);
  std::vector<std::byte> object = log.load(5);
  format::Header header = format::decode_header(object).value();
  const auto told = [&](std::int64_t created_unix_ms) {
    header.created_unix_ms = created_unix_ms;
    format::encode_header(header, std::span(object).first<format::header_bytes>());
    return describe_object(object);
  };
  EXPECT_THAT(told(36'884'372'088'001), HasSubstr("3138-10-27T10:54:48.001Z"));
  EXPECT_THAT(told(-62'135'596'800'000), HasSubstr("0001-01-01T00:00:00.000Z"));
  EXPECT_THAT(told(-1), HasSubstr("1969-12-31T23:59:59.999Z"));
  EXPECT_THAT(told(253'402'300'799'999), HasSubstr("9999-12-31T23:59:59.999Z"));
  EXPECT_THAT(told(INT64_MIN), HasSubstr("no possible time"));
  EXPECT_THAT(told(INT64_MAX), HasSubstr("no possible time"));
}

}  // namespace
}  // namespace varve
