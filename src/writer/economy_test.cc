// What a writer orders for its batches, as facts come in.
#include "writer/economy.h"

#include <gtest/gtest.h>

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
  const std::vector<std::byte> batch = noise(whole_batch_bytes);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(writing.write(batch), Codec::none);
  EXPECT_LE(writing.samples, 3U) << "in 300 MiB";
  EXPECT_GE(writing.samples, 2U) << "it might shrink by now";
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
