// When an object that has to be in several places is acknowledged.
#include "protocol/commit_rule.h"

#include <gtest/gtest.h>

#include <random>

namespace varve::protocol {
namespace {

using State = CommitRule::SinkState;
using Seqs = std::vector<Seq>;

constexpr SinkOptions degrades{.degrades = true, .patience_ms = 100};

CommitRule rule_of(std::vector<CommitRule::Sink> sinks) {
  return CommitRule({.newest = 0, .end_offset = 0, .window = 4, .sinks = std::move(sinks)});
}

TEST(CommitRule, WithoutSinksAcknowledgesAtOnce) {
  CommitRule rule = rule_of({});
  rule.on_stored(4, 1, 0);
  EXPECT_EQ(rule.take_committed(), (Seqs{4}));
  EXPECT_EQ(rule.committed_offset(), 1U);
  EXPECT_FALSE(rule.waiting());
  EXPECT_FALSE(rule.next_tick_ms());
}

TEST(CommitRule, AcknowledgesWhatBothHaveInOrder) {
  CommitRule rule = rule_of({{}});
  for (Seq seq = 4; seq < 8; ++seq) rule.on_stored(seq, seq - 3, 0);
  EXPECT_EQ(rule.take_committed(), Seqs());
  rule.on_sink(0, 7, 3, 1);
  EXPECT_EQ(rule.take_committed(), (Seqs{4, 5, 6}));
  rule.on_sink(0, 9, 5, 1);
  EXPECT_EQ(rule.take_committed(), (Seqs{7}));
  rule.on_stored(8, 5, 2);
  EXPECT_EQ(rule.take_committed(), (Seqs{8})) << "the sink had it before the log's store told";
  EXPECT_FALSE(rule.next_tick_ms());
}

TEST(CommitRule, OfSeveralSinksTheSlowestCounts) {
  CommitRule rule = rule_of({{}, {}, {.options = degrades}});
  for (Seq seq = 4; seq < 8; ++seq) rule.on_stored(seq, seq - 3, 0);
  rule.on_sink(0, 8, 4, 1);
  rule.on_sink(2, 6, 2, 1);
  EXPECT_EQ(rule.take_committed(), Seqs());
  rule.on_sink(1, 7, 3, 2);
  EXPECT_EQ(rule.take_committed(), (Seqs{4, 5}));
  rule.tick(102);
  EXPECT_EQ(rule.state(2), State::degraded);
  EXPECT_EQ(rule.take_committed(), (Seqs{6})) << "two are waited for still";
  EXPECT_EQ(rule.unreplicated_records(2), 1U);
  EXPECT_EQ(rule.unreplicated_records(0), 0U);
}

TEST(CommitRule, ASinkThatHasWhatIsWaitedForIsNotLate) {
  CommitRule rule = rule_of({{.options = {.patience_ms = 100}}, {.options = {.patience_ms = 5'000}}});
  rule.on_stored(4, 1, 0);
  rule.on_sink(0, 5, 1, 10);
  EXPECT_EQ(rule.next_tick_ms(), 3'000U);
  rule.tick(3'000);
  EXPECT_FALSE(rule.late(0));
  EXPECT_TRUE(rule.late(1));
  rule.tick(5'000);
  EXPECT_EQ(rule.gave_up_on(), 1U);
}

TEST(CommitRule, WaitsForAsLongAsItsPatienceLasts) {
  CommitRule rule = rule_of({{.options = {.degrades = false, .patience_ms = 5'000}}});
  rule.on_stored(4, 1, 10);
  EXPECT_EQ(rule.next_tick_ms(), 3'010U);
  rule.tick(3'010);
  EXPECT_TRUE(rule.late(0));
  rule.tick(5'009);
  EXPECT_FALSE(rule.gave_up_on());
  rule.on_sink(0, 4, 0, 5'009);
  rule.tick(10'008);
  EXPECT_FALSE(rule.gave_up_on()) << "there was progress";
  rule.tick(10'009);
  EXPECT_EQ(rule.gave_up_on(), 0U);
  EXPECT_EQ(rule.take_committed(), Seqs());
}

TEST(CommitRule, GoesOnWithoutASinkAndWaitsForItAgain) {
  CommitRule rule = rule_of({{.options = degrades}});
  rule.on_stored(4, 1, 0);
  rule.tick(99);
  EXPECT_EQ(rule.state(0), State::in_sync);
  rule.tick(100);
  EXPECT_EQ(rule.state(0), State::degraded);
  for (Seq seq = 5; seq < 14; ++seq) rule.on_stored(seq, seq - 3, 110);
  EXPECT_EQ(rule.take_committed(), (Seqs{4, 5, 6, 7, 8, 9, 10, 11, 12, 13}));
  EXPECT_EQ(rule.unreplicated_records(0), 10U);
  rule.on_sink(0, 9, 5, 200);
  EXPECT_EQ(rule.state(0), State::degraded) << "it is further behind than a window";
  rule.on_sink(0, 10, 6, 210);
  EXPECT_EQ(rule.state(0), State::catching_up);
  rule.on_stored(14, 11, 211);
  EXPECT_EQ(rule.take_committed(), Seqs()) << "waits for both again";
  rule.on_sink(0, 13, 9, 220);
  EXPECT_EQ(rule.state(0), State::catching_up);
  rule.on_sink(0, 14, 10, 230);
  EXPECT_EQ(rule.state(0), State::in_sync);
  EXPECT_EQ(rule.unreplicated_records(0), 0U);
  rule.on_sink(0, 15, 11, 240);
  EXPECT_EQ(rule.take_committed(), (Seqs{14}));
}

TEST(CommitRule, ASinkThatIsLostWhileItCatchesUpIsDegradedStill) {
  CommitRule rule = rule_of({{.options = degrades, .state = State::degraded}});
  for (Seq seq = 4; seq < 8; ++seq) rule.on_stored(seq, seq - 3, 0);
  rule.on_sink(0, 5, 1, 10);
  EXPECT_EQ(rule.state(0), State::catching_up);
  rule.on_stored(8, 5, 11);
  rule.tick(111);
  EXPECT_EQ(rule.state(0), State::degraded);
  EXPECT_EQ(rule.take_committed(), (Seqs{4, 5, 6, 7, 8}));
}

// Whatever comes in whatever order, with any number of sinks: in order, each once, and what is said to be in
// a sink is.
TEST(CommitRule, PromisesNoMoreThanIsSo) {
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    std::minstd_rand random(seed + 1);
    std::vector<CommitRule::Sink> sinks(random() % 4);
    for (CommitRule::Sink& sink : sinks) {
      if (random() % 2 == 0) sink.options = degrades;
    }
    CommitRule rule = rule_of(sinks);
    Seq stored = 4;
    std::vector<Seq> there(sinks.size(), 4);
    Seq committed = 4;
    std::uint64_t now_ms = 0;
    for (int step = 0; step < 200; ++step) {
      now_ms += random() % 20;
      const std::size_t sink = sinks.empty() ? 0 : random() % sinks.size();
      if (random() % 2 == 0) {
        rule.on_stored(stored, stored - 3, now_ms);
        ++stored;
      } else if (!sinks.empty() && there[sink] < stored && random() % 4 != 0) {
        ++there[sink];
        rule.on_sink(sink, there[sink], there[sink] - 4, now_ms);
      }
      rule.tick(now_ms);
      for (const Seq seq : rule.take_committed()) ASSERT_EQ(seq, committed++);
      for (std::size_t i = 0; i < sinks.size(); ++i) {
        if (rule.state(i) == State::in_sync) {
          ASSERT_LE(committed, there[i]) << "seed " << seed << " step " << step;
        }
        ASSERT_EQ(rule.unreplicated_records(i), committed - std::min(there[i], committed));
      }
    }
    for (std::size_t i = 0; i < sinks.size(); ++i) rule.on_sink(i, stored, stored - 4, now_ms);
    for (const Seq seq : rule.take_committed()) ASSERT_EQ(seq, committed++);
    ASSERT_EQ(committed, stored);
    for (std::size_t i = 0; i < sinks.size(); ++i) ASSERT_EQ(rule.state(i), State::in_sync);
  }
}

}  // namespace
}  // namespace varve::protocol
