// What a writer orders for its batches, as facts come in.
#include "writer/economy.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>

namespace varve::writer {
namespace {

using format::Codec;

std::vector<std::byte> text(std::size_t bytes) {
  std::string made;
  for (std::size_t i = 0; made.size() < bytes; ++i) made += "line " + std::to_string(i * i) + " of a log\n";
  made.resize(bytes);
  const auto as_bytes = std::as_bytes(std::span(made));
  return {as_bytes.begin(), as_bytes.end()};
}

std::vector<std::byte> noise(std::size_t bytes) {
  std::mt19937 random(5);
  std::vector<std::byte> made(bytes);
  std::ranges::generate(made, [&] { return static_cast<std::byte>(random()); });
  return made;
}

constexpr std::uint64_t whole_batch_bytes = std::uint64_t{1} << 20;

/// A writer's pilot and compressor in one, and a line of a constant speed.
struct Writing {
  Economy economy{2};
  format::Packer packer;
  Economy::Clock::time_point now = Economy::Clock::now();
  // So slow that whatever else takes time does not count.
  std::chrono::nanoseconds line_ns_per_byte = std::chrono::microseconds(100);
  std::uint64_t samples = 0;
  std::chrono::nanoseconds sample_cpu{0};
  std::chrono::nanoseconds last_sample_cpu{0};
  std::uint64_t appended_bytes = 0;

  /// What becomes of one batch.
  Codec write(std::vector<std::byte> batch) {
    appended_bytes += batch.size();
    Order order = economy.order(batch.size(), {.appended_bytes = appended_bytes, .others_wait = true}, now);
    Economy::Outcome outcome{.packing = order.packing, .bytes = batch.size(), .packed_bytes = batch.size()};
    const auto began = thread_cpu();
    if (order.sample) {
      ++samples;
      take_sample(batch, packer, order.candidates);
      outcome.packing = order.candidates[choose(order.candidates, *order.sample, order.present)].packing;
      outcome.sampled = order.candidates;
      outcome.sample_cpu = thread_cpu() - began;
      sample_cpu += outcome.sample_cpu;
      last_sample_cpu = outcome.sample_cpu;
    }
    if (outcome.packing.codec != Codec::none) {
      if (const auto packed = packer.pack(batch, outcome.packing)) outcome.packed_bytes = packed->packed_end;
    }
    outcome.cpu = thread_cpu() - began;
    economy.done(outcome);
    const auto departure = economy.line().depart(outcome.packed_bytes, now);
    now += line_ns_per_byte * outcome.packed_bytes;
    economy.line().arrive(departure, now);
    return outcome.packed_bytes < outcome.bytes ? outcome.packing.codec : Codec::none;
  }
};

TEST(Economy, CompressesForASlowLine) {
  Writing writing;
  const std::vector<std::byte> batch = text(whole_batch_bytes);
  Codec last = Codec::none;
  for (int i = 0; i < 10; ++i) last = writing.write(batch);
  EXPECT_EQ(last, Codec::zstd);
}

TEST(Economy, LeavesWhatDoesNotShrinkAlone) {
  Writing writing;
  writing.line_ns_per_byte = std::chrono::microseconds(1);
  const auto began = writing.now;
  const std::vector<std::byte> batch = noise(whole_batch_bytes);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(writing.write(batch), Codec::none);
  EXPECT_GE(writing.samples, 2U) << "it might shrink by now";
  EXPECT_LE(100 * (writing.sample_cpu - writing.last_sample_cpu), writing.now - began);
}

TEST(Economy, NoticesThatBytesAreOthersNow) {
  Writing writing;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(writing.write(noise(whole_batch_bytes)), Codec::none);
  const std::vector<std::byte> batch = text(whole_batch_bytes);
  int written = 0;
  while (writing.write(batch) == Codec::none && written < 1'000) ++written;
  EXPECT_LT(written, 300);
}

TEST(Economy, NoSampleIsTakenOfLittle) {
  Writing writing;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(writing.write(text(2'000)), Codec::none);
  EXPECT_EQ(writing.samples, 0U);
}

using std::chrono::microseconds;

/// Objects of 2 MiB, four of them under way, over a line that takes 4 ms for each; when they arrive is heard
/// of every so often.
double measured_ns_per_byte(microseconds heard_every, microseconds first) {
  LineMeter line;
  constexpr std::uint64_t bytes = 2 << 20;
  const LineMeter::Clock::time_point start = LineMeter::Clock::now();
  std::deque<LineMeter::Departure> under_way;
  for (int i = 0; i < 4; ++i) under_way.push_back(line.depart(bytes, start));
  microseconds arrival(0);
  microseconds heard = first;
  for (int object = 0; object < 1'000; ++object) {
    arrival += microseconds(4'000);
    while (heard < arrival) heard += heard_every;
    line.arrive(under_way.front(), start + heard);
    under_way.pop_front();
    under_way.push_back(line.depart(bytes, start + heard));
  }
  return line.ns_per_byte();
}

TEST(LineMeter, WhatIsHeardOfLateAndTogetherMakesTheLineNoFaster) {
  constexpr double right = 4e6 / (2 << 20);
  for (const microseconds heard_every : {microseconds(1), microseconds(3'000), microseconds(10'000)}) {
    for (const microseconds first : {microseconds(0), microseconds(2'900)}) {
      EXPECT_NEAR(measured_ns_per_byte(heard_every, first), right, 0.2 * right)
          << heard_every.count() << " us";
    }
  }
}

TEST(LineMeter, ALittleObjectThatArrivesBehindALargeOneTellsNothing) {
  LineMeter line;
  LineMeter::Clock::time_point now = LineMeter::Clock::now();
  for (int i = 0; i < 200; ++i) {
    const auto large = line.depart(2 << 20, now);
    const auto little = line.depart(4'096, now + microseconds(3'990));
    line.arrive(large, now + microseconds(4'000));
    line.arrive(little, now + microseconds(4'010));
    now += microseconds(4'500);  // of which nothing is under way for half a millisecond
  }
  constexpr double right = 4.01e6 / ((2 << 20) + 4'096);
  EXPECT_NEAR(line.ns_per_byte(), right, 0.05 * right);
}

TEST(CpuMeter, SeesThisProcessWork) {
  CpuMeter meter;
  const auto began = std::chrono::steady_clock::now();
  EXPECT_FALSE(meter.look(began)) << "too soon";
  const auto cpu = process_cpu();
  volatile std::uint64_t sum = 0;
  while (process_cpu() - cpu < std::chrono::milliseconds(20)) sum = sum + 1;
  EXPECT_TRUE(meter.look(began + std::chrono::seconds(1)));
  EXPECT_GE(meter.used(), std::chrono::milliseconds(20));
  EXPECT_GT(meter.cores(), 0);
}

}  // namespace
}  // namespace varve::writer
