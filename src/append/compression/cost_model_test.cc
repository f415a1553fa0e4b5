// What a writer orders for its batches, as facts come in.
#include "append/compression/cost_model.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace varve::append {
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
  CostModel cost_model{2};
  format::Packer packer;
  CostModel::Clock::time_point now = CostModel::Clock::now();
  // So slow that whatever else takes time does not count.
  std::chrono::nanoseconds line_ns_per_byte = std::chrono::microseconds(100);
  std::uint64_t samples = 0;
  std::chrono::nanoseconds sample_cpu{0};
  std::chrono::nanoseconds last_sample_cpu{0};

  /// What becomes of one batch.
  Codec write(std::vector<std::byte> batch) {
    const CompressionJob job = cost_model.choose(batch.size(), {.others_wait = true, .line_full = true}, now);
    CostModel::Outcome outcome{.packing = job.packing, .bytes = batch.size(), .packed_bytes = batch.size()};
    const auto began = thread_cpu();
    if (job.sample) {
      ++samples;
      outcome.sample = take_sample(batch, packer);
      if (!outcome.sample->shrinks(job.packing)) outcome.packing = {};
      outcome.sample_cpu = thread_cpu() - began;
      sample_cpu += outcome.sample_cpu;
      last_sample_cpu = outcome.sample_cpu;
    }
    if (outcome.packing.codec != Codec::none) {
      if (const auto packed = packer.pack(batch, outcome.packing)) outcome.packed_bytes = packed->packed_end;
    }
    outcome.cpu = thread_cpu() - began;
    cost_model.done(outcome);
    now += line_ns_per_byte * outcome.packed_bytes;
    cost_model.acknowledged(job, batch.size(), outcome.packed_bytes, now);
    return outcome.packed_bytes < outcome.bytes ? outcome.packing.codec : Codec::none;
  }
};

TEST(CostModel, CompressesForASlowLine) {
  Writing writing;
  const std::vector<std::byte> batch = text(whole_batch_bytes);
  Codec last = Codec::none;
  for (int i = 0; i < 100; ++i) last = writing.write(batch);
  EXPECT_EQ(last, Codec::zstd);
}

TEST(CostModel, LeavesWhatDoesNotShrinkAlone) {
  Writing writing;
  writing.line_ns_per_byte = std::chrono::microseconds(1);
  const auto began = writing.now;
  const std::vector<std::byte> batch = noise(whole_batch_bytes);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(writing.write(batch), Codec::none);
  EXPECT_GE(writing.samples, 2U) << "it might shrink by now";
  EXPECT_LE(100 * (writing.sample_cpu - writing.last_sample_cpu), writing.now - began);
}

TEST(CostModel, NoticesThatBytesAreOthersNow) {
  Writing writing;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(writing.write(noise(whole_batch_bytes)), Codec::none);
  const std::vector<std::byte> batch = text(whole_batch_bytes);
  int written = 0;
  while (writing.write(batch) == Codec::none && written < 1'000) ++written;
  EXPECT_LT(written, 300);
}

TEST(CostModel, NoSampleIsTakenOfLittle) {
  Writing writing;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(writing.write(text(1'000)), Codec::none);
  EXPECT_EQ(writing.samples, 0U);
}

TEST(CpuMeter, TellsOfNoMoreCoresThanThereAre) {
  CpuMeter meter;
  const double all = meter.cores();
  EXPECT_GE(all, 1);
  meter.look(std::chrono::steady_clock::now() + std::chrono::seconds(1));
  EXPECT_GT(meter.cores(), 0);
  EXPECT_LE(meter.cores(), all);
}

}  // namespace
}  // namespace varve::append
