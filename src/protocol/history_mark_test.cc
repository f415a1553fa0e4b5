// Marks of offsets in logs that part: a restored copy, written on by somebody else.
#include "protocol/history_mark.h"

#include <gtest/gtest.h>

#include <random>

#include "testing/test_log.h"

namespace varve::protocol {
namespace {

namespace flag = format::flag;

HistoryMark ask(TestLog& log, Offset offset, std::optional<std::uint64_t> sought = {}) {
  HistoryMark machine(view_of(log), offset, sought);
  drive(log, machine.start(), [&](const Reply& reply) { return machine.on(reply); });
  EXPECT_TRUE(machine.done());
  EXPECT_FALSE(machine.error());
  return machine;
}

/// The same log again up to the `shared` first steps, and from there on by another writer.
TestChain grow(TestLog& log, unsigned seed, int shared, int steps, std::uint64_t writer) {
  std::minstd_rand random(seed);
  TestChain chain(log, 3);
  for (int i = 0; i < steps; ++i) {
    if (i == shared) {
      chain.seal(writer);
      random.seed(seed + static_cast<unsigned>(writer));
    }
    const auto draw = random() % 8;
    if (draw == 0 || !chain.tail().owned) {
      chain.seal(20 + random() % 3);
    } else if (draw == 1) {
      chain.close();
    } else {
      chain.data(static_cast<std::uint32_t>(random() % 3));
    }
  }
  return chain;
}

/// Where the chains `one` and `other` part: the end of what they have in common.
Offset parting(const TestChain& one, const TestChain& other) {
  Offset end = 0;
  for (std::size_t i = 0; i < std::min(one.headers().size(), other.headers().size()); ++i) {
    if (!(one.headers()[i] == other.headers()[i])) break;
    end = one.headers()[i].end_offset();
  }
  return end;
}

TEST(HistoryMark, EveryOffsetIsKnownInItsOwnHistoryAndInNoOther) {
  int others = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    const int shared = static_cast<int>(seed % 20);
    TestLog log;
    TestLog restored;
    const TestChain chain = grow(log, seed, shared, 30, 50);
    const TestChain other = grow(restored, seed, shared, 30, 60);
    const Offset parts = parting(chain, other);
    const Offset restored_end = other.tail().offset;
    for (Offset offset = 1; offset <= chain.tail().offset; ++offset) {
      const auto mark = ask(log, offset).mark();
      ASSERT_TRUE(mark) << offset;
      EXPECT_EQ(ask(log, offset, mark).verdict(), HistoryVerdict::same) << offset;
      const HistoryVerdict verdict = ask(restored, offset, mark).verdict();
      if (offset <= parts) {
        EXPECT_EQ(verdict, HistoryVerdict::same) << offset;
      } else {
        EXPECT_EQ(verdict, offset > restored_end ? HistoryVerdict::beyond_end : HistoryVerdict::other_history)
            << offset;
        ++others;
      }
    }
  }
  EXPECT_GT(others, 100);
}

// The mark of the start is of what comes there, for what was before is gone. A copy from before the trim has
// both.
TEST(HistoryMark, AMarkTakenAtTheStartIsFoundBesideIt) {
  for (const bool other_history : {false, true}) {
    TestLog log;
    TestChain chain(log, 3);
    for (int i = 0; i < 4; ++i) chain.data(2);
    TestLog copy = log;
    chain.close();
    chain.seal(2);
    const auto first = chain.data(2);
    if (!other_history) copy = log;
    chain.trim_to(chain.headers().size() - 1);
    chain.data(1);
    chain.sweep(true);
    const Offset start = first.first_offset;
    ASSERT_EQ(view_of(log).start_offset(), start);
    const auto mark = ask(log, start).mark();
    ASSERT_TRUE(mark);
    EXPECT_EQ(ask(log, start, mark).verdict(), HistoryVerdict::untold) << "nothing lies before it";
    if (other_history) {
      copy.objects.clear();
      TestChain again(copy, 3);
      for (int i = 0; i < 4; ++i) again.data(2);
      again.seal(70);
      again.data(3);
    }
    EXPECT_EQ(ask(copy, start, mark).verdict(),
              other_history ? HistoryVerdict::other_history : HistoryVerdict::same);
  }
}

TEST(HistoryMark, WhereTheLogIsEmptyItsNewestObjectMarksTheEnd) {
  TestLog log;
  TestChain chain(log, 3);
  EXPECT_TRUE(ask(log, 0).mark());
  chain.data(2);
  chain.trim_to(1);
  EXPECT_TRUE(ask(log, 2).mark());
}

TEST(HistoryMark, WhatIsTrimmedOrLostOrWasNeverMarkedIsUntold) {
  TestLog log;
  TestChain chain(log, 3);
  for (int i = 0; i < 8; ++i) chain.data(2);
  EXPECT_EQ(ask(log, 5).verdict(), HistoryVerdict::untold);
  const auto mark = ask(log, 5).mark();
  log.objects.at(chain.headers().at(3).seq).resize(3);  // it holds record 4
  EXPECT_EQ(ask(log, 5, mark).verdict(), HistoryVerdict::untold);
  EXPECT_FALSE(ask(log, 5).mark());
  chain.trim_to(6);
  chain.data(1);
  EXPECT_EQ(ask(log, 5, mark).verdict(), HistoryVerdict::untold);
  EXPECT_EQ(ask(log, 99, mark).verdict(), HistoryVerdict::beyond_end);
}

TEST(HistoryMark, AnErrorOfTheStoreIsNoVerdict) {
  TestLog log;
  TestChain chain(log, 3);
  for (int i = 0; i < 8; ++i) chain.data(2);
  HistoryMark machine(view_of(log), 5, 1);
  drive(log, machine.start(), [&](Reply reply) {
    reply.error = Error(Code::denied, "no");
    return machine.on(reply);
  });
  ASSERT_TRUE(machine.error());
  EXPECT_EQ(machine.error()->code(), Code::denied);
}

}  // namespace
}  // namespace varve::protocol
