// What a recovery scan makes of damage near the end, for those who only read.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "format/envelope.h"
#include "protocol/recovery_scan.h"
#include "protocol/takeover.h"
#include "testing/test_log.h"

namespace varve::protocol {
namespace {

namespace flag = format::flag;

Result<LogState> strict(TestLog& log) { return run(log, RecoveryScan({.want_history = true})); }
Result<LogState> telling(TestLog& log) {
  return run(log, RecoveryScan({.want_history = true, .past_loss = {}, .tell_damage = true}));
}

enum class Loss { missing, flipped, cut_short };
constexpr std::array losses{Loss::missing, Loss::flipped, Loss::cut_short};

void lose(TestLog& log, Seq seq, Loss loss) {
  switch (loss) {
    case Loss::missing:
      log.objects.erase(seq);
      return;
    case Loss::flipped:
      log.objects.at(seq)[77] ^= std::byte{4};
      return;
    case Loss::cut_short:
      log.objects.at(seq).clear();
  }
}

// One object of a log of two epochs is lost, in every way, with and without a checkpoint: what is sound stays
// readable, the log's end is where it was, or it is told that it is not known, and writers are refused just
// where they were.
TEST(RecoveredScan, WhateverObjectIsLostTheRestIsRead) {
  for (const bool checkpoint : {false, true}) {
    for (const Loss loss : losses) {
      for (std::size_t gone = 0; gone < 15; ++gone) {
        SCOPED_TRACE(fmt::format("{} {} {}", checkpoint, static_cast<int>(loss), gone));
        TestLog log;
        TestChain chain(log, 4);
        for (int i = 0; i < 6; ++i) chain.data(2);
        chain.seal(2);
        for (int i = 0; i < 7; ++i) chain.data(2);
        if (checkpoint) log.checkpoint = encode_checkpoint(chain.checkpoint());
        const format::Header lost = chain.headers().at(gone);
        lose(log, lost.seq, loss);
        const auto opens = strict(log);
        const auto read = telling(log);
        ASSERT_TRUE(read) << read.error().message();
        EXPECT_EQ(opens.has_value(), !read->damage.has_value());
        const bool newest = gone == 14;
        if (!newest) {
          EXPECT_EQ(read->tail, chain.tail());
          EXPECT_FALSE(read->damage && read->damage->end_unknown);
          EXPECT_FALSE(read->lost_end);
        } else if (loss == Loss::missing) {
          EXPECT_FALSE(read->damage);
          EXPECT_EQ(read->lost_end.has_value(), checkpoint);
          EXPECT_EQ(read->tail.seq, lost.seq);
        } else {
          ASSERT_TRUE(read->damage);
          EXPECT_TRUE(read->damage->end_unknown);
          EXPECT_EQ(read->tail.seq, lost.seq);
          EXPECT_EQ(read->tail.offset, lost.first_offset);
        }
        const bool before_the_anchor = gone < 13;  // then it is its epoch's seal that keeps writers out
        if (read->damage && !newest && !before_the_anchor) {
          ASSERT_EQ(read->damage->lost.size(), 1U);
          EXPECT_EQ(read->damage->lost[0].first, lost.seq);
          EXPECT_EQ(read->damage->lost[0].offsets, (OffsetRange{lost.first_offset, lost.end_offset()}));
        }
        ASSERT_FALSE(read->history.empty());
        EXPECT_EQ(read->history.back().seal, chain.tail().epoch);
        EXPECT_EQ(read->history.back().first_offset, 12U);
      }
    }
  }
}

TEST(RecoveredScan, WhereNothingNewIsSoundNothingIsKnown) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 3; ++i) chain.data(1);
  for (auto& [seq, object] : log.objects) object.clear();
  const auto read = telling(log);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), Code::corruption);
}

// An unreadable object behind a hole may have been the proof that the hole was acknowledged.
TEST(RecoveredScan, DamageBehindAHoleLeavesTheEndUnknown) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 3; ++i) chain.data(1);
  const Position tail = chain.tail();
  chain.data(1, 0, false);
  chain.data(1, 1);
  log.objects.rbegin()->second.resize(10);
  EXPECT_FALSE(strict(log));
  const auto read = telling(log);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->tail, tail);
  ASSERT_TRUE(read->damage);
  EXPECT_TRUE(read->damage->end_unknown);
  EXPECT_EQ(read->cut.size(), 1U);
}

TEST(RecoveredScan, AnotherLogsObjectIsPassedAndTold) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 4; ++i) chain.data(1);
  TestLog other;
  TestChain stranger(other, 2, 1234);
  for (int i = 0; i < 4; ++i) stranger.data(1);
  log.objects[4] = other.objects.at(4);
  EXPECT_EQ(strict(log).error().code(), Code::foreign);
  const auto read = telling(log);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->tail, chain.tail());
  ASSERT_TRUE(read->damage);
  EXPECT_EQ(read->damage->lost.at(0).first, 4U);
}

// The end is lost without a trace but for the checkpoint. It changes nothing of what is read.
TEST(RecoveredScan, WhatTheCheckpointAloneKnowsOfIsToldAndKeepsWritersOut) {
  for (std::size_t gone = 1; gone <= 4; ++gone) {  // 4: the epoch with its seal
    SCOPED_TRACE(gone);
    TestLog log;
    TestChain chain(log, 3);
    for (int i = 0; i < 5; ++i) chain.data(2);
    chain.seal(2);
    for (int i = 0; i < 3; ++i) chain.data(1);
    log.checkpoint = encode_checkpoint(chain.checkpoint());
    const Seq named = chain.headers().back().seq;
    const format::Header first_gone = *(chain.headers().end() - static_cast<std::ptrdiff_t>(gone));
    for (std::size_t i = 0; i < gone; ++i) log.objects.erase(std::prev(log.objects.end()));
    const auto read = strict(log);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(read->tail.seq, first_gone.seq);
    EXPECT_EQ(read->tail.offset, first_gone.first_offset);
    ASSERT_TRUE(read->lost_end);
    EXPECT_EQ(read->lost_end->named, named);

    const auto claim = [&](std::optional<Offset> accepted) {
      Claimant who;
      who.writer_id = test_id(50);
      who.accepted_end = accepted;
      Takeover takeover(who);
      drive(log, takeover.start(1), [&](const Reply& reply) { return takeover.on(reply, 1); });
      return takeover.result();
    };
    const auto objects = log.objects;
    for (const std::optional<Offset> wrong :
         {std::optional<Offset>(), std::optional(first_gone.first_offset + 1)}) {
      const auto refused = claim(wrong);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code(), Code::corruption);
    }
    EXPECT_EQ(log.objects, objects);
    const auto owned = claim(first_gone.first_offset);
    ASSERT_TRUE(owned) << owned.error().message();
    EXPECT_EQ(owned->next.offset, first_gone.first_offset);
    // Settled by the seal, whatever becomes of the checkpoint; but not where it stands in the lost one's
    // place.
    EXPECT_EQ(strict(log)->lost_end.has_value(), gone == 4);
  }
}

TEST(RecoveredScan, ANewersCheckpointIsNotPassedOver) {
  TestLog log;
  TestChain chain(log, 3);
  chain.data(2);
  std::vector<std::byte> newer = encode_checkpoint(chain.checkpoint());
  newer[12] |= std::byte{4};  // a required flag
  format::finish_envelope(newer);
  log.checkpoint = newer;
  ASSERT_FALSE(strict(log));
  EXPECT_EQ(strict(log).error().code(), Code::unsupported);
  ASSERT_FALSE(telling(log));
  EXPECT_EQ(telling(log).error().code(), Code::unsupported);
}

// Wherever near the end an object of a newer program lies that counts: nobody calls it damage.
TEST(RecoveredScan, ANewersObjectIsNoDamage) {
  for (std::size_t i = 0; i < 4; ++i) {
    SCOPED_TRACE(i);
    TestLog log;
    TestChain chain(log, 3);
    for (int n = 0; n < 3; ++n) chain.data(2);
    chain.seal(2);
    for (int n = 0; n < 2; ++n) chain.data(2);
    auto& object = std::next(log.objects.rbegin(), static_cast<std::ptrdiff_t>(i))->second;
    object[8] = std::byte{2};
    format::finish_envelope(std::span(object).first(format::header_bytes));
    for (const auto& scanned : {strict(log), telling(log)}) {
      if (i == 3) continue;  // before the anchor
      ASSERT_FALSE(scanned);
      EXPECT_EQ(scanned.error().code(), Code::unsupported) << scanned.error().message();
    }
  }
}

}  // namespace
}  // namespace varve::protocol
