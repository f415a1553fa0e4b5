// Second sendings of slow requests, without sockets, threads or clocks.
#include "object_store/s3/hedging.h"

#include "testing/s3_engine.h"

namespace varve::object_store::s3 {
namespace {

using HedgingTest = EngineTest;

TEST_F(HedgingTest, ASlowRequestGetsOneDuplicateAndTheLoserIsCut) {
  teach();
  const int id = put();
  const AttemptId first = newest();
  pass(milliseconds(19));
  EXPECT_EQ(sent_.size(), 1U);
  pass(milliseconds(2));
  ASSERT_EQ(sent_.size(), 2U);
  pass(seconds(5));
  EXPECT_EQ(sent_.size(), 2U) << "one duplicate, not more";
  EXPECT_EQ(engine_->metrics().hedges, 1U);
  EXPECT_EQ(engine_->metrics().hedges_won, 0U);
  answer(newest(), status(200));
  EXPECT_EQ(engine_->metrics().hedges_won, 1U);
  EXPECT_TRUE(succeeded(id));
  EXPECT_EQ(cancelled_, std::vector<AttemptId>{first});
  EXPECT_TRUE(engine_->idle());
}

// The wire is still reading from the loser's body when the other's answer comes.
TEST_F(HedgingTest, WhatTheSlowerTwinSendsIsNotUsedAgainMeanwhile) {
  teach();
  Bytes body = copy_bytes("record");
  const std::weak_ptr<const void> memory = body.owner;
  const int id = put("k", true, std::move(body));
  pass(milliseconds(21));
  ASSERT_EQ(sent_.size(), 2U);
  std::optional<HttpRequest> slower = sent_.begin()->second;
  answer(newest(), status(200));
  ASSERT_TRUE(succeeded(id));
  EXPECT_FALSE(memory.expired());
  slower.reset();
  EXPECT_TRUE(memory.expired());
}

TEST_F(HedgingTest, ADuplicateThatMeetsItsTwinWaitsForTheTwinsAnswer) {
  teach();
  const int id = put();
  const AttemptId first = newest();
  pass(milliseconds(21));
  answer(newest(), status(412));
  EXPECT_TRUE(open(id));
  answer(first, status(200));
  EXPECT_TRUE(succeeded(id));
}

TEST_F(HedgingTest, ATwinThatStaysSilentIsNotWaitedForWithoutEnd) {
  teach();
  const int id = put();
  pass(milliseconds(21));
  answer(newest(), status(412));
  pass(seconds(1));
  EXPECT_EQ(code(id), Code::already_exists);
  EXPECT_EQ(outcome(id), WriteOutcome::unknown);
  EXPECT_EQ(cancelled_.size(), 1U);
}

TEST_F(HedgingTest, OneOfAPairFailingLeavesTheOther) {
  teach();
  const int id = put();
  const AttemptId first = newest();
  pass(milliseconds(21));
  answer(first, status(500));
  EXPECT_TRUE(open(id));
  EXPECT_EQ(sent_.size(), 1U);
  answer(status(200));
  EXPECT_TRUE(succeeded(id));
}

TEST_F(HedgingTest, DuplicatesKeepToTheirBudget) {
  teach();
  const std::size_t before = sent_total_;
  for (int i = 0; i < 400; ++i) {
    put();
    pass(milliseconds(30));
    while (!sent_.empty()) answer(newest(), status(200));
  }
  const std::size_t duplicates = sent_total_ - before - 400;
  EXPECT_GE(duplicates, 20U);
  EXPECT_LE(duplicates, 30U) << "5 % of 500, and what was there at first";
}

// Or many small requests would pay for duplicates of the few large ones.
TEST(HedgingBudget, EachSizeHasItsOwn) {
  constexpr auto put = Hedging::Kind::put;
  constexpr auto overdue = Hedging::Lateness::overdue;
  Hedging hedging;
  const auto spendable = [&hedging](std::uint64_t bytes) {
    int duplicates = 0;
    while (hedging.spend(put, bytes, overdue)) ++duplicates;
    return duplicates;
  };
  for (int i = 0; i < 1000; ++i) hedging.earn(put, 4'096);
  EXPECT_EQ(spendable(1 << 20), 4) << "what was there at first";
  EXPECT_EQ(spendable(4'096), 10) << "all that is ever kept";
  for (int i = 0; i < 100; ++i) hedging.settled(put, 4'096, overdue, false);
  for (int i = 0; i < 101; ++i) hedging.earn(put, 1 << 20);
  EXPECT_EQ(spendable(1 << 20), 5) << "whatever is of no use to small ones";
}

// All requests are slow and the first sending is answered first: the store is busy.
TEST_F(HedgingTest, DuplicatesThatAreOfNoUseBecomeRare) {
  teach();
  const auto duplicates_in = [this](int requests, bool they_win) {
    const std::size_t before = sent_total_;
    for (int i = 0; i < requests; ++i) {
      put();
      pass(milliseconds(30));
      while (!sent_.empty()) answer(they_win ? newest() : sent_.begin()->first, status(200));
    }
    return sent_total_ - before - static_cast<std::size_t>(requests);
  };
  duplicates_in(600, false);
  const std::size_t rare = duplicates_in(400, false);
  EXPECT_GE(rare, 1U) << "or it would never be noticed when they are of use again";
  EXPECT_LE(rare, 4U);
  duplicates_in(2000, true);
  EXPECT_GE(duplicates_in(400, true), 16U);
}

TEST_F(HedgingTest, ReplacingPutsAndAFlagAreNotHedged) {
  teach();
  put("hint", /*if_absent=*/false);
  pass(seconds(1));
  EXPECT_EQ(sent_.size(), 1U);
  answer(status(200));
  settings_.hedge = false;
  remake();
  teach();
  put();
  pass(seconds(1));
  EXPECT_EQ(sent_.size(), 1U);
}

// Every twentieth request is slower than its peers, and takes what duplicates there are.
TEST_F(HedgingTest, OneThatStallsFindsADuplicateThoughSlowOnesWantThemToo) {
  teach();
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 3; ++i) {
      put();
      pass(milliseconds(30));
      while (!sent_.empty()) answer(sent_.begin()->first, status(200));
    }
    if (round % 10 != 9) continue;
    const int stalls = put();
    pass(milliseconds(41));
    if (sent_.size() == 1) pass(milliseconds(20));
    ASSERT_EQ(sent_.size(), 2U) << "round " << round;
    answer(newest(), status(200));
    ASSERT_TRUE(succeeded(stalls));
  }
}

// Merely slow requests gain nothing by a duplicate here, and those that stall do: only these get theirs.
TEST_F(HedgingTest, ThatStallsGainByDuplicatesDoesNotMakeEarlyOnesFrequent) {
  teach();
  std::size_t stalled = 0;
  const auto requests = [&](int count) {
    for (int i = 0; i < count; ++i) {
      put();
      const bool stalls = i % 50 == 49;
      pass(milliseconds(stalls ? 61 : 30));
      if (stalls) {
        ASSERT_EQ(sent_.size(), 2U) << "request " << i;
        ++stalled;
      }
      while (!sent_.empty()) answer(stalls ? newest() : sent_.begin()->first, status(200));
    }
  };
  requests(1000);
  const std::uint64_t before = engine_->metrics().hedges;
  stalled = 0;
  requests(1000);
  EXPECT_LE(engine_->metrics().hedges - before - stalled, 12U) << "in 980 requests";
}

// A request that failed is tried again alone: its pair is settled, and the next may be slow as well.
TEST_F(HedgingTest, ATryAfterAFailureMayHaveADuplicateOfItsOwn) {
  teach();
  const int id = put();
  answer(status(500));
  pass(seconds(1));
  ASSERT_EQ(sent_.size(), 1U);
  pass(milliseconds(41));
  ASSERT_EQ(sent_.size(), 2U);
  answer(newest(), status(200));
  EXPECT_TRUE(succeeded(id));
  EXPECT_TRUE(engine_->idle());
}

}  // namespace
}  // namespace varve::object_store::s3
