// When an object that has to be in two stores is acknowledged.
#include "protocol/commit_rule.h"

#include <gtest/gtest.h>

#include <random>

namespace varve::protocol {
namespace {

using Footing = CommitRule::Footing;
using Seqs = std::vector<Seq>;

constexpr CommitRule::Start at_four{.newest = 0, .end_offset = 0, .window = 4};
constexpr CommitRuleOptions goes_on{.goes_on = true, .patience_ms = 100};

TEST(CommitRule, AcknowledgeWhatBothHaveInOrder) {
  CommitRule stores(at_four, {});
  for (Seq seq = 4; seq < 8; ++seq) stores.on_first(seq, seq - 3, 0);
  EXPECT_EQ(stores.take_acknowledged(), Seqs());
  stores.on_second(7, 3, 1);
  EXPECT_EQ(stores.take_acknowledged(), (Seqs{4, 5, 6}));
  stores.on_second(9, 5, 1);
  EXPECT_EQ(stores.take_acknowledged(), (Seqs{7}));
  stores.on_first(8, 5, 2);
  EXPECT_EQ(stores.take_acknowledged(), (Seqs{8})) << "the second had it before the first told";
  EXPECT_FALSE(stores.next_tick_ms());
}

TEST(CommitRule, StopForAsLongAsTheyArePatient) {
  CommitRule stores(at_four, {.goes_on = false, .patience_ms = 5'000});
  stores.on_first(4, 1, 10);
  EXPECT_EQ(stores.next_tick_ms(), 3'010U);
  stores.tick(3'010);
  EXPECT_TRUE(stores.late());
  stores.tick(5'009);
  EXPECT_FALSE(stores.gave_up());
  stores.on_second(4, 0, 5'009);
  stores.tick(10'008);
  EXPECT_FALSE(stores.gave_up()) << "there was progress";
  stores.tick(10'009);
  EXPECT_TRUE(stores.gave_up());
  EXPECT_EQ(stores.take_acknowledged(), Seqs());
}

TEST(CommitRule, GoOnWithTheFirstAloneAndComeBack) {
  CommitRule stores(at_four, goes_on);
  stores.on_first(4, 1, 0);
  stores.tick(99);
  EXPECT_EQ(stores.footing(), Footing::both);
  stores.tick(100);
  EXPECT_EQ(stores.footing(), Footing::first_alone);
  for (Seq seq = 5; seq < 14; ++seq) stores.on_first(seq, seq - 3, 110);
  EXPECT_EQ(stores.take_acknowledged(), (Seqs{4, 5, 6, 7, 8, 9, 10, 11, 12, 13}));
  EXPECT_EQ(stores.records_in_first_alone(), 10U);
  stores.on_second(9, 5, 200);
  EXPECT_EQ(stores.footing(), Footing::first_alone) << "it is further behind than a window";
  stores.on_second(10, 6, 210);
  EXPECT_EQ(stores.footing(), Footing::rejoining);
  stores.on_first(14, 11, 211);
  EXPECT_EQ(stores.take_acknowledged(), Seqs()) << "waits for both again";
  stores.on_second(13, 9, 220);
  EXPECT_EQ(stores.footing(), Footing::rejoining);
  stores.on_second(14, 10, 230);
  EXPECT_EQ(stores.footing(), Footing::both);
  EXPECT_EQ(stores.records_in_first_alone(), 0U);
  stores.on_second(15, 11, 240);
  EXPECT_EQ(stores.take_acknowledged(), (Seqs{14}));
}

TEST(CommitRule, ASecondThatIsLostWhileItComesBackIsAwayStill) {
  CommitRule stores({.newest = 0, .window = 4, .footing = Footing::first_alone}, goes_on);
  for (Seq seq = 4; seq < 8; ++seq) stores.on_first(seq, seq - 3, 0);
  stores.on_second(5, 1, 10);
  EXPECT_EQ(stores.footing(), Footing::rejoining);
  stores.on_first(8, 5, 11);
  stores.tick(111);
  EXPECT_EQ(stores.footing(), Footing::first_alone);
  EXPECT_EQ(stores.take_acknowledged(), (Seqs{4, 5, 6, 7, 8}));
}

// Whatever comes in whatever order: in order, each once, and what is said to be in both is.
TEST(CommitRule, PromiseNoMoreThanIsSo) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    std::minstd_rand random(seed + 1);
    const bool alone_too = seed % 2 == 0;
    CommitRule stores(at_four, alone_too ? goes_on : CommitRuleOptions{});
    Seq first = 4;
    Seq second = 4;
    Seq acknowledged = 4;
    std::uint64_t now_ms = 0;
    for (int step = 0; step < 200; ++step) {
      now_ms += random() % 20;
      if (random() % 2 == 0) {
        stores.on_first(first, first - 3, now_ms);
        ++first;
      } else if (second < first && random() % 4 != 0) {
        ++second;
        stores.on_second(second, second - 4, now_ms);
      }
      stores.tick(now_ms);
      for (const Seq seq : stores.take_acknowledged()) ASSERT_EQ(seq, acknowledged++);
      if (stores.footing() == Footing::both) {
        ASSERT_LE(acknowledged, second) << "seed " << seed << " step " << step;
      }
      ASSERT_EQ(stores.records_in_first_alone(), acknowledged - std::min(second, acknowledged));
    }
    stores.on_second(first, first - 4, now_ms);
    for (const Seq seq : stores.take_acknowledged()) ASSERT_EQ(seq, acknowledged++);
    ASSERT_EQ(acknowledged, first);
    ASSERT_EQ(stores.footing(), Footing::both);
  }
}

}  // namespace
}  // namespace varve::protocol
