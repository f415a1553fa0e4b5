#include <gtest/gtest.h>

#include <random>

#include "bench/contestant.h"

namespace varve::bench {
namespace {

TEST(Histogram, PercentilesAreWithinTwoPercent) {
  Histogram histogram;
  std::vector<std::uint64_t> values;
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) values.push_back(random() % (std::uint64_t{1} << (random() % 40)));
  for (const std::uint64_t value : values) histogram.add(value);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(histogram.max(), values.back());
  for (const double share : {0.0, 0.5, 0.9, 0.99, 0.999}) {
    const auto exact = static_cast<double>(values[static_cast<std::size_t>(share * 10'000)]);
    EXPECT_NEAR(static_cast<double>(histogram.percentile(share)), exact, exact * 0.02 + 1) << share;
  }
  EXPECT_EQ(histogram.percentile(1), values.back());
  EXPECT_EQ(Histogram().percentile(0.5), 0U);
}

Load small(std::uint32_t batch) {
  return {.record_bytes = 64, .producers = 2, .batch = batch, .seconds = 0.05};
}

class EveryWay : public testing::TestWithParam<std::uint32_t> {};

TEST_P(EveryWay, WhatVarveAppendsComesBack) {
  const LogAddress log = resolve("mem://bench-test-" + std::to_string(GetParam()) + "/log").value();
  const auto varve = make_varve(log, {}).value();
  Load load = small(GetParam());
  load.reserve = GetParam() == 1;
  const Figures figures = run(*varve, load).value();
  EXPECT_GT(figures.records, 0U);
  EXPECT_GT(figures.ack_us.count(), 0U);
  const Result<ReadBackFigures> back = check_log(log, 0, load.record_bytes, figures.appended);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->records, figures.records);

  std::vector<std::uint64_t> wrong = figures.appended;
  ++wrong.back();
  EXPECT_EQ(check_log(log, 0, load.record_bytes, wrong).error().code(), Code::corruption)
      << "a lost record is noticed";
}

INSTANTIATE_TEST_SUITE_P(Bench, EveryWay, testing::Values(1, 16));

TEST(Baselines, TakeTheSameLoad) {
  const LogAddress log = resolve("mem://bench-test-baselines/log").value();
  EXPECT_GT(run(*make_bare({}), small(4))->records, 0U);
  const Figures figures = run(*make_mutex(log, {}), small(4)).value();
  EXPECT_GT(figures.records, 0U);
  EXPECT_GT(figures.ack_us.count(), 0U);
}

}  // namespace
}  // namespace varve::bench
