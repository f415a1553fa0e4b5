#include <gtest/gtest.h>

#include "base/recorder.h"

namespace varve::base {
namespace {

TEST(Recorder, PutsEachValueIntoTheRangeItsBoundsSay) {
  PercentRecorder recorder;
  for (const std::uint64_t value : {0, 1, 2, 10, 11, 100, 101, 640}) recorder.record(value);
  const Histogram seen = recorder.snapshot();
  ASSERT_EQ(seen.counts.size(), seen.upper_bounds.size() + 1);
  EXPECT_EQ(seen.counts.front(), 2) << "0 and 1: a bound belongs to the range below it";
  EXPECT_EQ(seen.counts[1], 2) << "2 and 10";
  EXPECT_EQ(seen.counts[2], 1) << "11";
  EXPECT_EQ(seen.counts[10], 1) << "100";
  EXPECT_EQ(seen.counts.back(), 2) << "above all bounds";
  EXPECT_EQ(seen.count(), 8);
  EXPECT_EQ(seen.sum, 865);
  EXPECT_DOUBLE_EQ(seen.mean(), 865 / 8.0);
}

TEST(Recorder, TakesTimesInMicrosecondsAndNoneBelowZero) {
  LatencyRecorder recorder;
  recorder.record_span(std::chrono::milliseconds(3));
  recorder.record_span(std::chrono::seconds(-1));
  const Histogram seen = recorder.snapshot();
  EXPECT_EQ(seen.sum, 3000);
  EXPECT_EQ(seen.counts.front(), 1);
}

TEST(Histogram, QuantilesAreInterpolatedWithinARange) {
  PercentRecorder recorder;
  for (int i = 0; i < 10; ++i) recorder.record(15);  // in (10, 20]
  for (int i = 0; i < 10; ++i) recorder.record(35);  // in (30, 40]
  const Histogram seen = recorder.snapshot();
  EXPECT_DOUBLE_EQ(seen.quantile(0.25), 15);
  EXPECT_DOUBLE_EQ(seen.quantile(0.5), 20);
  EXPECT_DOUBLE_EQ(seen.quantile(0.75), 35);
  EXPECT_DOUBLE_EQ(seen.quantile(1), 40);
  EXPECT_DOUBLE_EQ(seen.quantile(7), 40) << "more than all is all";
}

TEST(Histogram, BeyondTheLastBoundAQuantileIsThatBound) {
  PercentRecorder recorder;
  recorder.record(1'000);
  EXPECT_DOUBLE_EQ(recorder.snapshot().quantile(0.5), 100);
}

TEST(Histogram, WithoutValuesEverythingIsNothing) {
  const Histogram none = PercentRecorder().snapshot();
  EXPECT_EQ(none.count(), 0);
  EXPECT_EQ(none.mean(), 0);
  EXPECT_EQ(none.quantile(0.99), 0);
}

TEST(RequestMetrics, WhatAStoreAnswersIsNoFailure) {
  RequestMetrics requests;
  requests.errors[static_cast<std::size_t>(Code::not_found)] = 5;
  requests.errors[static_cast<std::size_t>(Code::already_exists)] = 4;
  requests.errors[static_cast<std::size_t>(Code::unavailable)] = 2;
  requests.errors[static_cast<std::size_t>(Code::denied)] = 1;
  EXPECT_EQ(requests.failed(), 3);
}

}  // namespace
}  // namespace varve::base
