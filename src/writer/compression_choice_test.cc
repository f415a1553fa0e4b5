// What is chosen from which facts: tables, without a clock, a thread or a byte to compress.
#include "writer/compression_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "writer/line_meter.h"

namespace varve::writer {
namespace {

// As measured on text and logs, about.
Candidates of_text() {
  Candidates candidates = unknown_candidates();
  candidates[1] = {.packing = candidates[1].packing, .ratio = 0.40, .ns_per_byte = 2};
  candidates[2] = {.packing = candidates[2].packing, .ratio = 0.28, .ns_per_byte = 3.5};
  candidates[3] = {.packing = candidates[3].packing, .ratio = 0.25, .ns_per_byte = 6};
  return candidates;
}

// Lz4 gives up on it quickly, zstd nearly as much so.
Candidates of_noise() {
  Candidates candidates = unknown_candidates();
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    candidates[i].ratio = 1;
    candidates[i].ns_per_byte = 0.5;
  }
  return candidates;
}

std::string name_of(const Candidates& candidates, std::size_t i) {
  const format::Packing& packing = candidates[i].packing;
  if (packing.codec == format::Codec::none) return "none";
  if (packing.codec == format::Codec::lz4) return "lz4";
  return "zstd " + std::to_string(packing.level);
}

// Bytes that take so long at so many MB/s.
double ns_at(double megabytes_per_second) { return 1000 / megabytes_per_second; }

CompressionFacts flat_out(double line_mb, double cores = 2) {
  return {.batch_bytes = 8e6,
          .cores = cores,
          .threads = cores,
          .other_ns_per_byte = 0.8,
          .line_ns_per_byte = ns_at(line_mb),
          .alone_ns_per_byte = ns_at(line_mb),
          .demand_ns_per_byte = 0};
}

std::string chosen(const Candidates& candidates, const CompressionFacts& facts,
                   std::size_t present = as_it_is) {
  return name_of(candidates, choose(candidates, facts, present));
}

TEST(CompressionChoice, FlatOutFollowsTheLine) {
  // What each lets through, in MB/s of text: none `line`; lz4 714 by CPU, line / 0.40; zstd 1 465 and line /
  // 0.28; zstd 3 294 and line / 0.25.
  EXPECT_EQ(chosen(of_text(), flat_out(20)), "zstd 3");
  EXPECT_EQ(chosen(of_text(), flat_out(50)), "zstd 3");
  EXPECT_EQ(chosen(of_text(), flat_out(120)), "zstd 1");
  EXPECT_EQ(chosen(of_text(), flat_out(250)), "lz4");
  EXPECT_EQ(chosen(of_text(), flat_out(500)), "lz4");
  EXPECT_EQ(chosen(of_text(), flat_out(1'000)), "none");
  EXPECT_EQ(chosen(of_text(), flat_out(10'000)), "none");
}

TEST(CompressionChoice, FewerCoresCompressLess) {
  EXPECT_EQ(chosen(of_text(), flat_out(250, 8)), "zstd 3");
  EXPECT_EQ(chosen(of_text(), flat_out(250, 2)), "lz4");
  EXPECT_EQ(chosen(of_text(), flat_out(250, 0.5)), "none");
}

TEST(CompressionChoice, WhatDoesNotShrinkIsLeftAsItIs) {
  for (const double line_mb : {1, 50, 500, 50'000}) {
    EXPECT_EQ(chosen(of_noise(), flat_out(line_mb)), "none") << line_mb;
    EXPECT_EQ(chosen(of_noise(), flat_out(line_mb), 3), "none") << line_mb << ", whatever came before";
  }
}

TEST(CompressionChoice, WithoutHasteTheSoonestStoredIsChosen) {
  CompressionFacts facts = flat_out(50);
  facts.demand_ns_per_byte = ns_at(5);  // 5 MB/s come
  facts.batch_bytes = 1e6;
  EXPECT_EQ(chosen(of_text(), facts), "zstd 1") << "20 ms uncompressed; 10, 9.1 and 11 compressed";
  facts.alone_ns_per_byte = ns_at(5'000);
  facts.line_ns_per_byte = ns_at(5'000);
  EXPECT_EQ(chosen(of_text(), facts), "none") << "0.2 ms uncompressed, 2 ms and more compressed";
}

TEST(CompressionChoice, ASmallBatchIsNotHandedAround) {
  CompressionFacts facts = flat_out(50);
  facts.demand_ns_per_byte = ns_at(0.1);
  facts.batch_bytes = 2'000;
  EXPECT_EQ(chosen(of_text(), facts), "none");
}

TEST(CompressionChoice, AWriterThatTheCpuLimitsIsNotSlowed) {
  // Its producers take all there is; the line would not mind.
  CompressionFacts facts = flat_out(2'000);
  facts.other_ns_per_byte = 2;
  facts.demand_ns_per_byte = 1;
  facts.alone_ns_per_byte = ns_at(50);
  EXPECT_EQ(chosen(of_text(), facts), "none") << "though a batch would be stored sooner";
}

TEST(CompressionChoice, StaysUntilAnotherIsClearlyBetter) {
  Candidates candidates = of_text();
  candidates[2].ratio = candidates[3].ratio * 1.02;
  candidates[2].ns_per_byte = candidates[3].ns_per_byte * 0.98;
  for (const std::size_t present : {2U, 3U}) {
    EXPECT_EQ(choose(candidates, flat_out(20), present), present) << "2 % are none";
  }
  EXPECT_EQ(choose(of_text(), flat_out(20), 2), 3U) << "12 % are some";
}

using std::chrono::milliseconds;

// A store that takes `latency` for a request, and whose line carries so many bytes a second; objects of a
// megabyte, as many at once as the meter finds good.
struct FarStore {
  milliseconds latency;
  std::chrono::nanoseconds megabyte;
};
std::size_t most_under_way(LineMeter& line, const FarStore& store, std::chrono::seconds time) {
  struct UnderWay {
    LineMeter::Departure departure;
    LineMeter::Clock::time_point arrival;
  };
  LineMeter::Clock::time_point now{};
  LineMeter::Clock::time_point line_free{};
  std::deque<UnderWay> under_way;
  std::size_t most = 0;
  while (now < LineMeter::Clock::time_point(time)) {
    while (!line.full() && under_way.size() < 64) {
      line_free = std::max(line_free, now) + store.megabyte;
      under_way.push_back({line.depart(1'000'000, now), line_free + store.latency});
    }
    most = std::max(most, under_way.size());
    now = under_way.front().arrival;
    line.arrive(under_way.front().departure, now);
    under_way.pop_front();
  }
  return most;
}

TEST(LineMeter, MeasuresALineThatObjectsShare) {
  LineMeter line;
  EXPECT_EQ(line.ns_per_byte(), 0);
  EXPECT_LE(most_under_way(line, {.latency = milliseconds(0), .megabyte = milliseconds(10)},
                           std::chrono::seconds(10)),
            8U);
  EXPECT_NEAR(line.ns_per_byte(), 10, 0.1);
}

TEST(LineMeter, LetsManyGoAtOnceWhereThatIsFaster) {
  LineMeter line;
  const FarStore far{.latency = milliseconds(100), .megabyte = std::chrono::microseconds(100)};
  EXPECT_EQ(most_under_way(line, far, std::chrono::seconds(5)), 64U);
  EXPECT_NEAR(line.ns_per_byte(), 100e6 / 64e6, 0.2);
}

TEST(LineMeter, TellsABytesTimeFromARequests) {
  LineMeter line;
  LineMeter::Clock::time_point now{};
  for (int i = 0; i < 50; ++i) {
    const std::uint64_t bytes = 10'000 + static_cast<std::uint64_t>(i % 7) * 50'000;
    const auto departure = line.depart(bytes, now);
    // 30 ms for the request, and 20 ns for each byte.
    now += milliseconds(30) + std::chrono::nanoseconds(20 * bytes);
    line.arrive(departure, now);
    now += milliseconds(1);
  }
  EXPECT_NEAR(line.alone_ns_per_byte(), 20, 1);
}

TEST(LineMeter, ForgetsHowFastItWas) {
  LineMeter line;
  LineMeter::Clock::time_point now{};
  const auto pass = [&](milliseconds each, int times) {
    for (int i = 0; i < times; ++i) {
      const auto departure = line.depart(1'000'000, now);
      now += each;
      line.arrive(departure, now);
    }
  };
  pass(milliseconds(1), 500);
  EXPECT_NEAR(line.ns_per_byte(), 1, 0.1);
  pass(milliseconds(20), 200);
  EXPECT_NEAR(line.ns_per_byte(), 20, 1);
}

}  // namespace
}  // namespace varve::writer
