#include "protocol/sweep.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "testing/test_log.h"

namespace varve::protocol {
namespace {

using format::Header;
using format::Kind;
namespace flag = format::flag;

Sweep sweep(TestLog& log, SweepPlan plan) {
  Sweep machine(std::move(plan));
  drive(log, machine.start(), [&](const Reply& reply) { return machine.on(reply); });
  EXPECT_TRUE(machine.done());
  return machine;
}

// The rule, told once more: data below goes; a seal goes when its epoch is over and nobody needs it.
std::set<Seq> expected_left(const TestLog& log, const TestChain& chain, Seq below,
                            std::optional<std::int64_t> forget_before) {
  std::set<Seq> left;
  for (const auto& [seq, bytes] : log.objects) {
    if (seq >= below) left.insert(seq);
  }
  for (std::size_t i = 0; i < chain.history().size(); ++i) {
    const format::EpochEntry& epoch = chain.history()[i];
    if (epoch.seal >= below) break;
    const bool over = i + 1 < chain.history().size() && chain.history()[i + 1].seal <= below;
    const bool fences = (epoch.flags & flag::fences_nobody) == 0;
    if (!over || (fences && !forget_before)) left.insert(epoch.seal);
  }
  return left;
}

TEST(Sweep, DeletesJustWhatNobodyNeedsInAnyLog) {
  std::minstd_rand random(9);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    TestLog log;
    TestChain chain(log, static_cast<std::uint32_t>(1 + random() % 5));
    for (auto i = 5 + random() % 60; i > 0; --i) {
      const auto draw = chain.tail().owned ? random() % 14 : 1;
      if (draw == 0) {
        chain.close();
        chain.seal(random() % 9 + 1, flag::fences_nobody);
      } else if (draw == 1) {
        const Seq seal = chain.seal(random() % 9 + 1).seq;
        if (chain.tail().window > 1) log.objects[seal + 1] = {};  // left behind in the void
      } else if (draw == 2) {
        chain.seal(9, flag::ahead);
      } else {
        chain.data(static_cast<std::uint32_t>(random() % 3));
      }
    }
    const Seq below = chain.headers()[random() % chain.headers().size()].seq;
    format::EpochHistory known = chain.history();
    for (auto forgotten = random() % known.size(); forgotten > 0 && known.at(1).seal <= below; --forgotten) {
      known.erase(known.begin());
    }
    if (random() % 2 == 0) log.page = 4;
    std::optional<std::int64_t> forget_before;
    if (random() % 2 == 0) forget_before = 5000;  // all seals are from 1000
    const std::set<Seq> expected = expected_left(log, chain, below, forget_before);
    const std::size_t before = log.objects.size();

    const Sweep machine = sweep(
        log, {.from = 0, .below = below, .history = known, .forget_seals_before_unix_ms = forget_before});
    std::set<Seq> left;
    for (const auto& [seq, bytes] : log.objects) left.insert(seq);
    // What cannot be read below the history it knows is left alone, and counted.
    for (const Seq seq : expected) EXPECT_TRUE(left.contains(seq)) << seq;
    std::size_t unreadable = 0;
    for (const Seq seq : left) {
      if (expected.contains(seq)) continue;
      EXPECT_TRUE(log.objects.at(seq).empty()) << seq;
      EXPECT_LT(seq, known.front().seal);
      ++unreadable;
    }
    EXPECT_EQ(machine.left(), unreadable);
    EXPECT_EQ(machine.removed(), before - left.size());
    EXPECT_FALSE(machine.error());
  }
}

TEST(Sweep, ForgetsOnlySealsOlderThanAnyWriterSleeps) {
  TestLog log;
  TestChain chain(log, 2);
  chain.seal(2);
  chain.seal(3);
  chain.data(1);
  sweep(log, {.from = 0,
              .below = chain.tail().seq,
              .history = chain.history(),
              .forget_seals_before_unix_ms = 1000});
  EXPECT_TRUE(log.objects.contains(2));  // as old as that, not older
  sweep(log, {.from = 0,
              .below = chain.tail().seq,
              .history = chain.history(),
              .forget_seals_before_unix_ms = 1001});
  EXPECT_FALSE(log.objects.contains(2));
  EXPECT_TRUE(log.objects.contains(4));  // the epoch in office
}

TEST(Sweep, CountsWhatTheStoreWouldNotDelete) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 5; ++i) chain.data(1);
  log.unremovable = {3, 4};
  const Sweep machine =
      sweep(log, {.from = 0, .below = 6, .history = chain.history(), .forget_seals_before_unix_ms = {}});
  EXPECT_EQ(machine.removed(), 2U);
  EXPECT_EQ(machine.left(), 2U);
  EXPECT_TRUE(log.objects.contains(6));
}

TEST(Sweep, EndsAtTheStoresErrors) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 5; ++i) chain.data(1);
  for (const Request::Kind failing : {Request::Kind::list, Request::Kind::remove}) {
    Sweep machine({.from = 0, .below = 6, .history = chain.history(), .forget_seals_before_unix_ms = {}});
    drive(log, machine.start(), [&](Reply reply) {
      if (reply.kind == failing) reply.error = Error(Code::unavailable, "no");
      return machine.on(reply);
    });
    EXPECT_TRUE(machine.done());
    ASSERT_TRUE(machine.error());
    EXPECT_EQ(machine.error()->code(), Code::unavailable);
  }
}

TEST(Sweep, GoesOnFromWhereEarlierOnesEnded) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 9; ++i) chain.data(1);
  sweep(log, {.from = 5, .below = 8, .history = chain.history(), .forget_seals_before_unix_ms = {}});
  EXPECT_TRUE(log.objects.contains(4));
  EXPECT_FALSE(log.objects.contains(5));
  EXPECT_FALSE(log.objects.contains(7));
  EXPECT_TRUE(log.objects.contains(8));
}

}  // namespace
}  // namespace varve::protocol
