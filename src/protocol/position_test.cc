#include "protocol/position.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "protocol/window.h"
#include "testing/test_log.h"

namespace varve::protocol {
namespace {

using format::Header;
using format::Kind;
namespace flag = format::flag;

constexpr std::uint32_t window = 4;

TEST(Step, AVoidFollowsASeal) {
  TestLog log;
  const TestChain chain(log, window);  // a seal, and no more
  EXPECT_EQ(chain.tail().seq, window);
}

TEST(Step, FollowsTheChainOverDataSealsAndVoids) {
  TestLog log;
  TestChain chain(log, window);
  chain.data(3);
  chain.data(0);
  chain.close();
  chain.seal(2, flag::fences_nobody);
  chain.seal(3);
  chain.data(2);
  chain.seal(4, flag::ahead);
  chain.seal(5);
  std::vector<Seq> seqs;
  for (const Header& header : chain.headers()) seqs.push_back(header.seq);
  EXPECT_EQ(seqs, (std::vector<Seq>{0, 4, 5, 6, 7, 11, 15, 16, 20}));
  EXPECT_EQ(chain.tail().seq, 24U);
  EXPECT_EQ(chain.tail().epoch, 20U);
  EXPECT_EQ(chain.tail().offset, 5U);
  EXPECT_TRUE(chain.tail().owned);
}

TEST(Step, PositionOfAnObjectIsWhereItIsExpected) {
  TestLog log;
  TestChain chain(log, window);
  chain.data(2);
  Position before = chain.tail();
  const Header header = chain.data(3);
  EXPECT_EQ(position_of(header), before);
  EXPECT_EQ(step(position_of(header), header).value(), chain.tail());
  before = chain.tail();
  const Header seal = chain.seal(2);
  const Position after = step(position_of(seal), seal).value();
  EXPECT_EQ(after, chain.tail());
  EXPECT_EQ(after.seq, before.seq + window);
}

struct Break {
  const char* name;
  std::function<void(Position&, Header&)> apply;
  Code code = Code::corruption;
};

void PrintTo(const Break& wrong, std::ostream* out) { *out << wrong.name; }

Header seal_like(Header header) {
  header.kind = Kind::seal;
  header.epoch = header.seq;
  header.record_count = 0;
  header.first_append_unix_ms = 0;
  header.object_bytes = header.body_end;
  return header;
}

class StepRefuses : public testing::TestWithParam<Break> {};

TEST_P(StepRefuses, WhatDoesNotContinueTheLog) {
  TestLog log;
  TestChain chain(log, window);
  chain.data(2);
  Position at = chain.tail();
  Header header = chain.data(1);
  ASSERT_TRUE(step(at, header));
  GetParam().apply(at, header);
  const Result<Position> next = step(at, header);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code(), GetParam().code);
}

INSTANTIATE_TEST_SUITE_P(
    All, StepRefuses,
    testing::Values(Break{"another place", [](Position& at, Header&) { ++at.seq; }},
                    Break{"another log", [](Position& at, Header&) { at.log_id = test_id(99); },
                          Code::foreign},
                    Break{"another window", [](Position& at, Header&) { at.window = 5; }},
                    Break{"a gap in offsets", [](Position& at, Header&) { --at.offset; }},
                    Break{"offsets used twice", [](Position& at, Header&) { ++at.offset; }},
                    Break{"another predecessor", [](Position& at, Header&) { ++at.previous_hash; }},
                    Break{"another epoch", [](Position& at, Header&) { at.epoch = 2; }},
                    Break{"after the end of the epoch", [](Position& at, Header&) { at.owned = false; }},
                    Break{"a seal with another offset",
                          [](Position& at, Header& header) {
                            header = seal_like(header);
                            ++at.offset;
                          }},
                    Break{"a seal after another object",
                          [](Position& at, Header& header) {
                            header = seal_like(header);
                            ++at.previous_hash;
                          }}),
    [](const auto& param) {
      std::string name = param.param.name;
      std::ranges::replace(name, ' ', '_');
      return name;
    });

TEST(Step, TakesAnyPredecessorWhereTheWalkBeginsInTheMiddle) {
  TestLog log;
  TestChain chain(log, window);
  Position at = chain.tail();
  const Header header = chain.data(1);
  at.previous_hash = 0;
  at.linked = false;
  const Result<Position> next = step(at, header);
  ASSERT_TRUE(next);
  EXPECT_EQ(*next, chain.tail());
}

TEST(Step, AClosedOrStoppedEpochTakesSealsOnly) {
  TestLog log;
  TestChain chain(log, window);
  chain.close();
  EXPECT_FALSE(chain.tail().owned);
  chain.seal(2);
  EXPECT_TRUE(chain.tail().owned);
  const Offset offset = chain.tail().offset;
  chain.seal(3, flag::ahead);
  EXPECT_FALSE(chain.tail().owned);
  EXPECT_EQ(chain.tail().offset, offset);
  chain.seal(3);
  EXPECT_TRUE(chain.tail().owned);
}

TEST(Window, IsFilledInAnyOrderAndLeftInOrder) {
  Window<int> slots(10, 3);
  EXPECT_TRUE(slots.empty());
  for (int i = 0; i < 3; ++i) slots.enter(i);
  EXPECT_TRUE(slots.full());
  EXPECT_EQ(slots.in_flight(), 3U);
  EXPECT_EQ(slots.at(12), 2);
  slots.leave();
  EXPECT_FALSE(slots.contains(10));
  slots.enter(3);
  EXPECT_EQ(slots.begin(), 11U);
  EXPECT_EQ(slots.end(), 14U);
  for (Seq seq = 11; seq < 14; ++seq) EXPECT_EQ(slots.at(seq), static_cast<int>(seq) - 10);
}

TEST(WindowDeathTest, HoldsNoMoreThanItsPlaces) {
  Window<int> slots(0, 1);
  slots.enter(1);
  EXPECT_DEATH(slots.enter(2), "invariant violated");
  EXPECT_DEATH(static_cast<void>(slots.at(1)), "invariant violated");
}

}  // namespace
}  // namespace varve::protocol
