// The compressor gives batches back in their order, whichever of them is compressed first.
#include "append/compression/compressor.h"

#include <gtest/gtest.h>

#include <semaphore>

namespace varve::append {
namespace {

constexpr CompressionJob by_lz4{.packing = {.codec = format::Codec::lz4}};
constexpr CompressionJob as_it_is{};

/// Its one thread stops after each batch that it compressed, until the test lets it go on.
class CompressorTest : public testing::Test {
 protected:
  static void fill(Batch& batch) {
    constexpr std::size_t body = 4096;
    const BatchLayout layout = BatchLayout::shared(body, 2 * body);
    batch.prepare(1, 0, BatchMemory(layout.memory_bytes), layout);
    batch.open();
    batch.claim(claim_of(1, body));
    ASSERT_FALSE(batch.close(claim_of(1, body)));
    ASSERT_TRUE(batch.commit(1));
  }

  void SetUp() override {
    for (Batch& batch : batches_) fill(batch);
  }

  Batch batches_[3];
  std::binary_semaphore compressed_{0};
  std::binary_semaphore goes_on_{0};
  Compressor compressor_{1, [this] {
                           compressed_.release();
                           goes_on_.acquire();
                         }};
};

TEST_F(CompressorTest, WhatPassesThroughWaitsForTheBatchBeforeIt) {
  compressor_.add(batches_[0], by_lz4);
  compressed_.acquire();  // from here on, nobody works on a second one
  compressor_.add(batches_[1], by_lz4);
  EXPECT_EQ(compressor_.take()->batch, &batches_[0]);
  ASSERT_TRUE(compressor_.has_room());
  compressor_.add(batches_[2], as_it_is);
  const auto early = compressor_.take();
  EXPECT_FALSE(early) << "the batch before it is still to be compressed";

  goes_on_.release();
  compressed_.acquire();
  if (!early) {
    EXPECT_EQ(compressor_.take()->batch, &batches_[1]);
    EXPECT_EQ(compressor_.take()->batch, &batches_[2]);
  }
  EXPECT_TRUE(early || compressor_.empty());
  goes_on_.release();
}

}  // namespace
}  // namespace varve::append
