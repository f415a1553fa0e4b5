#include "protocol/polling.h"

#include <gtest/gtest.h>

namespace varve::protocol {
namespace {

TEST(Polling, GrowsFromTheLeastToTheMostAndStaysThere) {
  Polling polling(100, 1000);
  std::uint32_t before = polling.found_nothing();
  EXPECT_EQ(before, 100U);
  std::uint64_t quiet_ms = before;
  int polls = 1;
  while (before < 1000) {
    const std::uint32_t pause = polling.found_nothing();
    ASSERT_GT(pause, before);
    EXPECT_LE(pause, std::max<std::uint64_t>(113, 100 + quiet_ms / 8)) << "late by more than an eighth";
    quiet_ms += pause;
    before = pause;
    ASSERT_LE(++polls, 25);
  }
  EXPECT_EQ(before, 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(polling.found_nothing(), 1000U);
}

TEST(Polling, FallsBackAsSoonAsSomethingComes) {
  Polling polling(100, 60'000);
  for (int i = 0; i < 50; ++i) static_cast<void>(polling.found_nothing());
  EXPECT_GT(polling.found_nothing(), 10'000U);
  polling.found_something();
  EXPECT_EQ(polling.found_nothing(), 100U);
}

TEST(Polling, TheLeastPauseGrowsToo) {
  Polling polling(1, 60'000);
  std::uint32_t pause = 0;
  int polls = 0;
  for (; pause < 60'000; ++polls) pause = polling.found_nothing();
  EXPECT_LT(polls, 110);
}

TEST(Polling, AMostBelowTheLeastCountsAsIt) {
  Polling polling(500, 100);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(polling.found_nothing(), 500U);
}

}  // namespace
}  // namespace varve::protocol
