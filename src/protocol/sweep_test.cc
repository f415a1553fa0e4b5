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

constexpr std::int64_t ms_a_day = 86'400'000;

/// No writer sleeps for ten days; the store's clock is right, and stored all objects at 1000.
SealClocks clocks_at(std::int64_t now_unix_ms) {
  return {.no_writer_sleeps_ms = 10 * ms_a_day,
          .now_unix_ms = now_unix_ms,
          .host = "test",
          .store_now_unix_ms = now_unix_ms};
}

// The rule, told once more: data below goes; a seal goes when its epoch is over and nobody needs it.
std::set<Seq> expected_left(const TestLog& log, const TestChain& chain, Seq below, bool forget) {
  std::set<Seq> left;
  for (const auto& [seq, bytes] : log.objects) {
    if (seq >= below) left.insert(seq);
  }
  for (std::size_t i = 0; i < chain.history().size(); ++i) {
    const format::EpochEntry& epoch = chain.history()[i];
    if (epoch.seal >= below) break;
    const bool over = i + 1 < chain.history().size() && chain.history()[i + 1].seal <= below;
    const bool fences = (epoch.flags & flag::fences_nobody) == 0;
    if (!over || (fences && !forget)) left.insert(epoch.seal);
  }
  return left;
}

TEST(Sweep, DeletesJustWhatNobodyNeedsInAnyLog) {
  std::minstd_rand random(9);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    TestLog log;
    log.stored_unix_ms = 1000;
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
    std::optional<SealClocks> forget;
    if (random() % 2 == 0) forget = clocks_at(1000 + 10 * ms_a_day + 1);  // all seals are from 1000
    const std::set<Seq> expected = expected_left(log, chain, below, forget.has_value());
    const std::size_t before = log.objects.size();

    const Sweep machine = sweep(log, {.from = 0, .below = below, .history = known, .clocks = forget});
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
  log.stored_unix_ms = 1000;
  TestChain chain(log, 2);
  chain.seal(2);
  chain.seal(3);
  chain.data(1);
  sweep(log, {.from = 0,
              .below = chain.tail().seq,
              .history = chain.history(),
              .clocks = clocks_at(1000 + 10 * ms_a_day)});
  EXPECT_TRUE(log.objects.contains(2));  // as old as that, not older
  sweep(log, {.from = 0,
              .below = chain.tail().seq,
              .history = chain.history(),
              .clocks = clocks_at(1001 + 10 * ms_a_day)});
  EXPECT_FALSE(log.objects.contains(2));
  EXPECT_TRUE(log.objects.contains(4));  // the epoch in office
}

// A log of three epochs by hosts that the machine that trims is none of, and what a sweep by `clocks` leaves.
std::set<Seq> seals_left(std::optional<std::int64_t> stored_unix_ms, const SealClocks& clocks) {
  TestLog log;
  log.stored_unix_ms = stored_unix_ms;
  TestChain chain(log, 2);
  chain.set_clock(50'000 * ms_a_day);
  chain.seal(2);
  chain.seal(3);
  chain.data(1);
  sweep(log, {.from = 0, .below = chain.tail().seq, .history = chain.history(), .clocks = clocks});
  std::set<Seq> left;
  for (const auto& [seq, bytes] : log.objects) {
    if (seq < chain.tail().seq) left.insert(seq);
  }
  return left;
}

// The seal at 2 is of day 50,000; the one at 0 fences nobody; the one at 4 is in office.
TEST(Sweep, OneWrongClockDeletesNoFence) {
  const std::set<Seq> fenced{2, 4};
  const std::set<Seq> forgotten{4};
  SealClocks clocks = clocks_at(50'020 * ms_a_day);
  clocks.host = "trims";
  EXPECT_EQ(seals_left(50'000 * ms_a_day, clocks), forgotten);
  EXPECT_EQ(seals_left(50'015 * ms_a_day, clocks), fenced)
      << "the sealer's clock was slow, or the trimmer's is fast";
  clocks.now_unix_ms = 50'005 * ms_a_day;
  EXPECT_EQ(seals_left(50'000 * ms_a_day, clocks), fenced) << "the store's is fast";
  EXPECT_EQ(seals_left(0, clocks), fenced);
  clocks.now_unix_ms = 60'000 * ms_a_day;
  clocks.store_now_unix_ms.reset();
  EXPECT_EQ(seals_left(std::nullopt, clocks), fenced) << "there is none but that of host \"test\" and ours";
  clocks.seen = {{.seq = 4, .host = "third", .unix_ms = 10},
                 {.seq = 8, .host = "third", .unix_ms = 20 * ms_a_day}};
  EXPECT_EQ(seals_left(std::nullopt, clocks), forgotten) << "a third host has seen the days pass";
}

FindSealClocks clocks_of(TestLog& log, std::string host) {
  const LogState view = view_of(log);
  return {view.newest.seq, view.history, 10, 50'000 * ms_a_day, std::move(host)};
}

SealClocks found_clocks(TestLog& log, Result<SealClocks>& result) {
  result = run(log, clocks_of(log, "trims"));
  return result ? *result : SealClocks();
}

TEST(FindSealClocks, TakesTheStoresOrThoseOfOtherHosts) {
  TestLog log;
  TestChain chain(log, 2);
  chain.seal(2);
  chain.data(1);
  Result<SealClocks> result = Error(Code::internal, "");
  SealClocks found = found_clocks(log, result);
  ASSERT_TRUE(result);
  EXPECT_FALSE(found.store_now_unix_ms);
  ASSERT_EQ(found.seen.size(), 2U);
  EXPECT_EQ(found.seen[1].seq, 2U);
  EXPECT_EQ(found.seen[1].host, "test");
  EXPECT_EQ(found.seen[1].unix_ms, 1000);
  EXPECT_EQ(found.no_writer_sleeps_ms, 10 * ms_a_day);
  log.stored_unix_ms = 77;
  found = found_clocks(log, result);
  EXPECT_EQ(found.store_now_unix_ms, 77);
}

TEST(FindSealClocks, OneClockIsRefused) {
  TestLog log;
  TestChain chain(log, 2);
  chain.data(1);
  const auto found = run(log, clocks_of(log, "test"));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), Code::invalid_argument);
}

TEST(Sweep, CountsWhatTheStoreWouldNotDelete) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 5; ++i) chain.data(1);
  log.unremovable = {3, 4};
  const Sweep machine = sweep(log, {.from = 0, .below = 6, .history = chain.history(), .clocks = {}});
  EXPECT_EQ(machine.removed(), 2U);
  EXPECT_EQ(machine.left(), 2U);
  EXPECT_TRUE(log.objects.contains(6));
}

TEST(Sweep, EndsAtTheStoresErrors) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 5; ++i) chain.data(1);
  for (const Request::Kind failing : {Request::Kind::list, Request::Kind::remove}) {
    Sweep machine({.from = 0, .below = 6, .history = chain.history(), .clocks = {}});
    drive(log, machine.start(), [&](Reply reply) {
      if (reply.kind == failing) reply.error = Error(Code::unavailable, "no");
      return machine.on(reply);
    });
    EXPECT_TRUE(machine.done());
    ASSERT_TRUE(machine.error());
    EXPECT_EQ(machine.error()->code(), Code::unavailable);
  }
}

// Whoever takes the log over at that moment hears of it, and first.
TEST(Sweep, RevokesEveryClaimBeforeItDeletes) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 5; ++i) chain.data(1);
  for (std::uint64_t i = 0; i < 3; ++i) log.claims.push_back(test_id(100 + i));
  log.revoked = {test_id(101)};
  log.claims_page = 1;
  Sweep machine({.from = 0, .below = 6, .history = chain.history(), .clocks = {}});
  drive(log, machine.start(), [&](const Reply& reply) {
    if (reply.kind == Request::Kind::remove) {
      EXPECT_EQ(log.revoked.size(), 3U);
    }
    return machine.on(reply);
  });
  EXPECT_EQ(machine.removed(), 4U);
  EXPECT_EQ(log.revoked.size(), 3U);
}

TEST(Sweep, TidiesMarksOfClaimsThatEnded) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 5; ++i) chain.data(1);
  log.claims = {test_id(100)};
  log.revoked = {test_id(100), test_id(101)};
  sweep(log, {.from = 0, .below = 6, .history = chain.history(), .clocks = {}});
  EXPECT_EQ(log.revoked, std::vector{test_id(100)}) << "whoever made that claim may be asleep";
}

// A listing may look for a claim before it is made, and for its mark after another sweep has made that.
TEST(Sweep, AMarkThatIsListedAloneStaysWhileItsClaimIsThere) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 5; ++i) chain.data(1);
  log.revoked = {test_id(100)};
  Sweep machine({.from = 0, .below = 6, .history = chain.history(), .clocks = {}});
  drive(log, machine.start(), [&](const Reply& reply) {
    if (reply.kind == Request::Kind::list_claims) log.claims = {test_id(100)};
    return machine.on(reply);
  });
  EXPECT_TRUE(machine.done());
  EXPECT_EQ(machine.removed(), 4U);
  EXPECT_EQ(log.claims, std::vector{test_id(100)});
  EXPECT_EQ(log.revoked, std::vector{test_id(100)}) << "the claimant has not heard of it";
}

TEST(Sweep, DeletesNothingWhereAClaimCannotBeRevoked) {
  for (const Request::Kind failing : {Request::Kind::list_claims, Request::Kind::revoke_claim}) {
    TestLog log;
    TestChain chain(log, 2);
    for (int i = 0; i < 5; ++i) chain.data(1);
    log.claims = {test_id(100)};
    const std::size_t before = log.objects.size();
    Sweep machine({.from = 0, .below = 6, .history = chain.history(), .clocks = {}});
    drive(log, machine.start(), [&](Reply reply) {
      if (reply.kind == failing) reply.error = Error(Code::unavailable, "no");
      return machine.on(reply);
    });
    EXPECT_TRUE(machine.done());
    EXPECT_TRUE(machine.error());
    EXPECT_EQ(log.objects.size(), before);
  }
}

TEST(Sweep, AsksForNoClaimsWhereNothingIsToBeDeleted) {
  TestLog log;
  TestChain chain(log, 2);
  Sweep machine({.from = 5, .below = 5, .history = chain.history(), .clocks = {}});
  EXPECT_TRUE(machine.start().empty());
  EXPECT_TRUE(machine.done());
}

TEST(Sweep, GoesOnFromWhereEarlierOnesEnded) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 9; ++i) chain.data(1);
  sweep(log, {.from = 5, .below = 8, .history = chain.history(), .clocks = {}});
  EXPECT_TRUE(log.objects.contains(4));
  EXPECT_FALSE(log.objects.contains(5));
  EXPECT_FALSE(log.objects.contains(7));
  EXPECT_TRUE(log.objects.contains(8));
}

}  // namespace
}  // namespace varve::protocol
