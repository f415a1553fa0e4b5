#include "protocol/pacing.h"

#include <gtest/gtest.h>

namespace varve::protocol {
namespace {

TEST(Pacing, AtOnceWhileNothingIsInFlightElseAfterTheLinger) {
  Pacing pacing(0, 1, 5);
  EXPECT_EQ(pacing.due_ms(100, true, 100), 100U);
  EXPECT_EQ(pacing.due_ms(100, false, 101), 105U);
  EXPECT_EQ(pacing.due_ms(100, false, 109), 105U) << "overdue";
}

TEST(Pacing, ABurstIsFreeAndThenTheRateHolds) {
  constexpr std::uint64_t start = 1'000'000;
  Pacing pacing(10, 3, 0);  // one each 100 ms
  std::uint64_t now = start;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(pacing.due_ms(now, true, now), now);
    pacing.spend(now);
  }
  const std::uint64_t due = pacing.due_ms(now, true, now);
  EXPECT_EQ(due, start + 100);
  // A second of small traffic: as many uploads as the rate says.
  int uploads = 0;
  for (now = start; now < start + 1000; ++now) {
    if (pacing.due_ms(now, true, now) > now) continue;
    pacing.spend(now);
    ++uploads;
  }
  EXPECT_GE(uploads, 9);
  EXPECT_LE(uploads, 10);
}

TEST(Pacing, FullBatchesUseTheAllowanceUpButRunIntoNoDebt) {
  Pacing pacing(10, 2, 0);
  for (int i = 0; i < 1000; ++i) pacing.spend(5'000);
  EXPECT_EQ(pacing.due_ms(5'000, true, 5'000), 5'100U);
}

TEST(Pacing, AQuietTimeFillsTheBucketAndNotMore) {
  Pacing pacing(10, 2, 0);
  pacing.spend(0);
  pacing.spend(0);
  constexpr std::uint64_t later = 3'600'000;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(pacing.due_ms(later, true, later), later);
    pacing.spend(later);
  }
  EXPECT_GT(pacing.due_ms(later, true, later), later);
}

}  // namespace
}  // namespace varve::protocol
