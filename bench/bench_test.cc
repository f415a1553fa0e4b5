#include <gtest/gtest.h>

#include <random>

#include "bench/append.h"
#include "bench/check.h"
#include "bench/compression.h"
#include "bench/open.h"
#include "bench/plot.h"
#include "bench/recover.h"
#include "bench/run.h"
#include "bench/scratch.h"
#include "bench/seek.h"
#include "bench/standing.h"
#include "bench/tail.h"

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

TEST(RecordSizes, AreWhatTheTextSays) {
  EXPECT_EQ(RecordSizes::parse("4KiB")->of(3, 7), 4096U);
  const RecordSizes between = RecordSizes::parse("100-200").value();
  for (std::uint64_t number = 0; number < 5000; ++number) {
    EXPECT_GE(between.of(1, number), 100U);
    EXPECT_LE(between.of(1, number), 200U);
  }
  EXPECT_NEAR(between.mean(), 150, 5);
  const RecordSizes mixed = RecordSizes::parse("100:9,4KiB:1").value();
  EXPECT_NEAR(mixed.mean(), 0.9 * 100 + 0.1 * 4096, 80);
  EXPECT_EQ(mixed.most(), 4096U);
  for (const char* wrong : {"", "x", "15", "200-100", "100:0", "100,200", "1TiB"}) {
    EXPECT_FALSE(RecordSizes::parse(wrong)) << wrong;
  }
}

TEST(OrderBound, IsTheLastOfAllBefore) {
  const Clock::time_point zero{};
  const auto at = [&](int ms) { return zero + std::chrono::milliseconds(ms); };
  Figures figures;
  figures.uploads = {{.key = "b", .end_offset = 20, .began = at(0), .ended = at(30)},
                     {.key = "a", .end_offset = 10, .began = at(0), .ended = at(50)}};
  figures.timed = {{.offset = 10, .began = at(0), .acknowledged = at(51)}};
  add_order_bound(figures);
  EXPECT_EQ(figures.order_bound_us.max(), 50'000U) << "the object before it came later";
  EXPECT_EQ(figures.behind_bound_us.max(), 1'000U);
}

AppendTrial trial(std::uint32_t batch, const char* sizes = "64") {
  Load load{.sizes = RecordSizes::parse(sizes).value(), .producers = 2, .batch = batch, .seconds = 0.05};
  load.reserve = batch == 1;
  return {.store = open_store("mem://bench-test").value(), .load = load, .writer = {}};
}

class EveryWay : public testing::TestWithParam<Way> {};

TEST_P(EveryWay, AppendsWhatComesBack) {
  Live live;
  Figures figures;
  figures.uploads = {{.key = "", .bytes = 1000, .began = {}, .ended = {}}};
  for (const std::uint32_t batch : {1, 16}) {
    const auto run = append_once(GetParam(), trial(batch, "16-300"), figures, live);
    ASSERT_TRUE(run) << run.error().message();
    EXPECT_GT(run->bytes, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Bench, EveryWay,
                         testing::Values(Way::varve, Way::bare, Way::mutex, Way::unordered, Way::raw),
                         [](const auto& of) { return std::string(name_of(of.param)); });

TEST(CheckLog, NoticesALostRecord) {
  Live live;
  const Scratch scratch(open_store("mem://bench-test-lost").value());
  const Load load = trial(1).load;
  const auto varve = make_varve(scratch.log(), {}).value();
  const Figures figures = run(*varve, load, live).value();
  EXPECT_GT(figures.ack_us.count(), 0U);
  EXPECT_TRUE(check_log(scratch.log(), load.sizes, figures.appended));
  std::vector<std::uint64_t> wrong = figures.appended;
  ++wrong.back();
  EXPECT_EQ(check_log(scratch.log(), load.sizes, wrong).error().code(), Code::corruption);
}

TEST(Recover, ReadsAllThatWasWritten) {
  Live live;
  const AppendTrial written = trial(16);
  const auto log = WrittenLog::write(written.store, written.load, {}, live).value();
  EXPECT_EQ(log.read({.from = 0}, live)->records, log.written().records);
  EXPECT_GT(log.get(4)->bytes, 0U);
}

TEST(Tail, TheFollowerGetsEveryRecord) {
  Live live;
  TailTrial tail{.store = open_store("mem://bench-test-tail").value(), .load = trial(1).load, .writer = {}};
  tail.load.records_per_second = 1000;
  const TailFigures figures = tail_once(tail, live).value();
  EXPECT_EQ(figures.append_to_read_us.count(), 50U);
}

TEST(Open, CountsRoundTripsAndAnIdleWriterAsksNothing) {
  Live live;
  // A little latency: requests that go out together must not overtake each other's answers.
  const auto store = open_store("mem://bench-test-open?put=5ms,5ms,5ms&get=5ms,5ms,5ms").value();
  auto log = ManyObjects::make(store, 100, {}, live).value();
  const OpenFigures opened = log.open({}).value();
  EXPECT_GE(opened.round_trips, 2U);
  EXPECT_LE(opened.round_trips, 8U);
  EXPECT_LE(opened.round_trips * 0.005, opened.seconds);
  EXPECT_EQ(log.idle({}, 0.05)->use.requests(), 0U);
}

TEST(Seek, TakesMoreRoundTripsOnlyWithTheLogarithm) {
  Live live;
  const SeekFigures figures = seek_in_many(700, 1, live).value();
  // Bounds in requests: a machine that is busy makes more round trips of them. Of round trips the least is
  // known.
  constexpr std::uint64_t search = 3 * 9;  // 9 ^ 3 > 700
  EXPECT_LE(figures.one_record.requests, search + 1);
  EXPECT_GE(figures.one_record.round_trips, 2U);
  EXPECT_LE(figures.next_record.requests, 10U);
  const std::uint64_t look = figures.by_offset.requests - figures.one_record.requests + 1;
  EXPECT_LE(look, 2 * 64 + 10U);
  EXPECT_LE(figures.by_time.requests, look + search);
}

TEST(ReaderStatus, IsAgainstTheBestInTheSameRound) {
  // The machine is half as fast in the second round, for all alike.
  const std::vector<std::vector<double>> others{{50, 26, 52}, {100, 50, 110}, {104, 40, 90}};
  const std::vector<double> mine{98, 49, 130};
  const ReaderStatus most = reader_status(mine, others, Better::more);
  EXPECT_EQ(most.best, 1U) << "by the median";
  EXPECT_NEAR(most.ratio, 0.98, 1e-9);
  EXPECT_NEAR(most.noise, 1.2, 1e-9) << "from 100 to 50 and to 110";
  EXPECT_EQ(reader_status(mine, others, Better::less).best, 0U);
  EXPECT_EQ(reader_status(std::vector<double>{3}, std::vector<std::vector<double>>{{2}}, Better::less).noise,
            0);
}

TEST(Compression, IsMeasuredOnWhatComesBack) {
  Corpus corpus{.name = "columns", .bytes = std::vector<std::byte>(1 << 20), .records = {}};
  for (std::size_t i = 0; i < corpus.bytes.size(); ++i) corpus.bytes[i] = static_cast<std::byte>(i / 7 % 90);
  for (std::size_t at = 0; at + 999 < corpus.bytes.size(); at += 999)
    corpus.records.push_back(std::span(corpus.bytes).subspan(at, 999));
  Live live;
  CompressionTrial trial{.store = open_store("mem://bench-compression").value(),
                         .corpus = &corpus,
                         .writer = {},
                         .seconds = 20,
                         .bytes_max = 5'000'000};
  const CompressionFigures plain = compress_once(trial, live).value();
  EXPECT_GE(plain.bytes, 5'000'000U);
  EXPECT_NEAR(plain.ratio(), 1, 0.01);
  trial.writer.compression = Compression::lz4;
  trial.bytes_per_second = 50e6;
  const CompressionFigures packed = compress_once(trial, live).value();
  EXPECT_GT(packed.ratio(), 3);
  EXPECT_LT(packed.bytes_per_second(), 55e6);
  EXPECT_GT(packed.ack_us.count(), 100U);
}

TEST(Corpus, OfRandomBytesIsAlwaysThere) {
  const Corpus corpus = load_corpus("random", 1 << 20).value();
  std::size_t bytes = 0;
  for (const auto& record : corpus.records) bytes += record.size();
  EXPECT_EQ(bytes, corpus.bytes.size());
  EXPECT_FALSE(load_corpus("no such", 1 << 20));
}

TEST(Plot, IsSvgWithACurveForEachThatHasValues) {
  Histogram micros;
  for (std::uint64_t value = 1; value < 10'000; ++value) micros.add(value);
  const std::string svg = latency_plot("a < b", {{"one", micros}, {"empty", {}}});
  EXPECT_TRUE(svg.starts_with("<svg"));
  EXPECT_NE(svg.find("a &lt; b"), std::string::npos);
  EXPECT_NE(svg.find("polyline"), std::string::npos);
  EXPECT_EQ(svg.find("empty"), std::string::npos);
}

}  // namespace
}  // namespace varve::bench
