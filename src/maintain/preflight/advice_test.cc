#include "maintain/preflight/advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "maintain/preflight/percentiles.h"

namespace varve::preflight {
namespace {

using testing::HasSubstr;

constexpr std::size_t mib = 1 << 20;

TEST(Percentile, IsTheNearestRank) {
  std::vector<double> hundred(100);
  std::iota(hundred.begin(), hundred.end(), 1);
  EXPECT_EQ(percentile(hundred, 50), 50);
  EXPECT_EQ(percentile(hundred, 95), 95);
  EXPECT_EQ(percentile(hundred, 99), 99);
  EXPECT_EQ(percentile(hundred, 100), 100);
  EXPECT_EQ(percentile({1, 2, 3}, 50), 2);
  EXPECT_EQ(percentile({1, 2}, 50), 1);
  EXPECT_EQ(percentile({1, 2}, 99), 2);
  EXPECT_EQ(percentile({7}, 50), 7);
}

TEST(Percentile, SummaryOfRequestsInAnyOrder) {
  LatencyReport report;
  summarize({3, 1, 2, 4}, 2, report);
  EXPECT_EQ(report.requests, 4U);
  EXPECT_EQ(report.p50_ms, 2);
  EXPECT_EQ(report.max_ms, 4);
  EXPECT_EQ(report.requests_per_second, 2);
  LatencyReport nothing;
  summarize({}, 2, nothing);
  EXPECT_EQ(nothing.requests, 0U);
}

LatencyReport puts(std::uint64_t bytes, std::uint32_t in_flight, double p50_ms, double p99_ms,
                   double a_second) {
  return {.request = "PUT",
          .body_bytes = bytes,
          .in_flight = in_flight,
          .requests = 10,
          .p50_ms = p50_ms,
          .p99_ms = p99_ms,
          .requests_per_second = a_second};
}

TEST(Line, IsReadFromThePuts) {
  std::vector<LatencyReport> reports{puts(0, 1, 20, 50, 50), puts(0, 16, 25, 60, 640),
                                     puts(8 * mib, 1, 120, 150, 8), puts(8 * mib, 16, 200, 300, 80)};
  reports.push_back({.request = "GET", .body_bytes = 8 * mib, .requests = 5, .requests_per_second = 1000});
  const Line line = line_of(reports);
  EXPECT_EQ(line.request_p50_ms, 20);
  EXPECT_EQ(line.request_p99_ms, 50);
  EXPECT_EQ(line.requests_per_second, 640);
  EXPECT_NEAR(line.stream_bytes_per_second, 80.0 * mib, 1);
  EXPECT_EQ(line.total_bytes_per_second, 640.0 * mib);
}

TEST(Line, OfNothingMeasuredIsNothing) { EXPECT_EQ(line_of({}).total_bytes_per_second, 0); }

TEST(Recommend, AStoreLikeS3) {
  const Line s3{.request_p50_ms = 25,
                .request_p99_ms = 100,
                .requests_per_second = 500,
                .stream_bytes_per_second = 80.0 * mib,
                .total_bytes_per_second = 640.0 * mib};
  const RecommendedSettings settings = recommend(s3, true);
  EXPECT_EQ(settings.batch_bytes, 8 * mib) << "4 x 25 ms x 80 MiB/s";
  // 80 batches a second of 100 ms and 100 ms each are 16 under way; twice that.
  EXPECT_EQ(settings.window, 32U);
  EXPECT_EQ(settings.linger_ms, 3U) << "100 ms / 32 is more than 25 ms / 20";
  EXPECT_THAT(settings.why_window, HasSubstr("Little's law"));
  EXPECT_EQ(settings.puts_per_second, 100);
  EXPECT_THAT(settings.why_puts_per_second, HasSubstr("259 million a month"));
}

TEST(Recommend, AWindowForTheSlowStore) {
  const Line slow{.request_p50_ms = 200,
                  .request_p99_ms = 900,
                  .requests_per_second = 60,
                  .stream_bytes_per_second = 10.0 * mib,
                  .total_bytes_per_second = 10.0 * mib};
  // 100 small ones a second, the writer's own bound, of 0.9 s each: 90, twice that.
  EXPECT_EQ(recommend(slow, true).window, 256U);
}

TEST(Recommend, AFastDiskNeedsNoCompany) {
  const Line disk{.request_p50_ms = 0.1,
                  .request_p99_ms = 1,
                  .requests_per_second = 5000,
                  .stream_bytes_per_second = 500.0 * mib,
                  .total_bytes_per_second = 900.0 * mib};
  const RecommendedSettings settings = recommend(disk, false);
  EXPECT_EQ(settings.batch_bytes, mib);
  EXPECT_EQ(settings.window, 16U);
  EXPECT_EQ(settings.linger_ms, 0U);
  EXPECT_EQ(settings.puts_per_second, 0) << "no bound";
}

TEST(Recommend, StaysWithinWhatAWriterTakes) {
  for (const double scale : {0.0, 1e-9, 1.0, 1e3, 1e12}) {
    const RecommendedSettings settings = recommend({scale, scale, scale, scale, scale}, true);
    EXPECT_GE(settings.window, 1U);
    EXPECT_LE(settings.window, 1024U);
    EXPECT_GE(settings.batch_bytes, 64U << 10);
    EXPECT_LE(settings.batch_bytes, 64 * mib);
    EXPECT_LE(settings.linger_ms, 60'000U);
  }
}

const RecommendedSettings of_s3{.window = 32, .batch_bytes = 8 * mib, .linger_ms = 3, .puts_per_second = 100};

TEST(Cost, SmallTrafficIsBoundedByTheAllowanceOfPuts) {
  const MonthlyCost cost = monthly_cost({.records_per_second = 1000, .record_bytes = 100}, {}, of_s3);
  EXPECT_EQ(cost.objects_per_second, 100);
  EXPECT_NEAR(cost.puts, 100 * 2'592'000 / 1000.0 * 0.005, 1e-6);
  EXPECT_NEAR(cost.gets, 100 * 2'592'000 / 1000.0 * 0.0004, 1e-6);
}

TEST(Cost, AFewRecordsAreAnObjectEach) {
  const MonthlyCost cost = monthly_cost({.records_per_second = 1, .record_bytes = 100}, {}, of_s3);
  EXPECT_NEAR(cost.objects_per_second, 1, 0.01);
}

TEST(Cost, FullBatchesAreNotBounded) {
  const Traffic heavy{.records_per_second = 1e6, .record_bytes = 8192.0};
  EXPECT_NEAR(monthly_cost(heavy, {}, of_s3).objects_per_second, 8192e6 / (8.0 * mib), 1e-6);
}

TEST(Cost, ARecordLargerThanABatchIsOneObject) {
  const Traffic large{.records_per_second = 200, .record_bytes = 32.0 * mib};
  EXPECT_EQ(monthly_cost(large, {}, of_s3).objects_per_second, 200);
}

TEST(Cost, WhatIsKeptIsPaidFor) {
  const Traffic traffic{.records_per_second = 1024, .record_bytes = 1024, .retained_days = 2, .readers = 3};
  const MonthlyCost cost = monthly_cost(traffic, {}, of_s3);
  EXPECT_NEAR(cost.stored_gib, 2 * 86'400.0 / 1024, 1e-9);
  EXPECT_NEAR(cost.storage, cost.stored_gib * 0.023, 1e-9);
  EXPECT_NEAR(cost.gets, 3 * cost.puts * 0.0004 / 0.005, 1e-9);
  EXPECT_NEAR(cost.total(), cost.puts + cost.gets + cost.storage, 1e-9);
}

TEST(Cost, AnIdleLogCostsNoRequests) {
  EXPECT_EQ(monthly_cost({.records_per_second = 0}, {}, of_s3).total(), 0);
}

}  // namespace
}  // namespace varve::preflight
