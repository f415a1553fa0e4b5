#include "append/batching/batch.h"

#include <gtest/gtest.h>

#include "append/batching/claim_word.h"

namespace varve::append {
namespace {

constexpr ClaimLimits limits{.body_bytes = 1024, .room_bytes = 1200, .slot_bytes = 32};

static_assert(records_in(claim_of(7, 4096)) == 7 && bytes_in(claim_of(7, 4096)) == 4096);
static_assert(claim_of(1, 8) + claim_of(2, 24) == claim_of(3, 32));
static_assert(limits.fits(claim_of(1, 1024)) && !limits.fits(claim_of(1, 1032)), "bytes bound the batch");
static_assert(limits.fits(claim_of(30, 240)) && !limits.fits(claim_of(31, 248)),
              "callback slots bound it too");
static_assert(!limits.fits(claim_closed_bit) && !limits.fits(claim_closed_bit | claim_of(3, 16)));
static_assert(limits.fits(claim_of(1, 8)) == limits.fits(1, 8));

TEST(ClaimWord, NoNumberOfLosersMakesAFullWordFitAgain) {
  // The claims that hurry the record count most (8-byte records, as many as fit) and the byte count
  // most, on a word that just overflowed and on one closed while nearly empty.
  constexpr ClaimLimits largest{.body_bytes = std::size_t{64} << 20,
                                .room_bytes = std::size_t{80} << 20,
                                .slot_bytes = sizeof(CallbackSlot)};
  for (const ClaimWord start :
       {claim_of(1, (std::size_t{64} << 20) + 8), claim_closed_bit | claim_of(1, 8)}) {
    for (const ClaimWord added :
         {claim_of(2 << 20, std::size_t{16} << 20), claim_of(1, 64 << 20), claim_of(1, 8)}) {
      ClaimWord word = start;
      for (int loser = 0; loser < 60'000; ++loser) {
        ASSERT_FALSE(largest.fits(word)) << loser;
        word += added;
      }
    }
  }
}

TEST(BatchLayout, KeepsToTheMemoryItMayUse) {
  const std::size_t body = std::size_t{64} << 10;
  EXPECT_EQ(BatchLayout::shared(body, body).memory_bytes, body);
  const BatchLayout roomy = BatchLayout::shared(body, std::size_t{1} << 20);
  EXPECT_LE(roomy.memory_bytes, body + body / 4 + 512);
  EXPECT_TRUE(roomy.limits.fits(claim_of(1, body)));
  EXPECT_TRUE(BatchLayout::alone(body).limits.fits(claim_of(1, body)));
}

class OneBatch : public ::testing::Test {
 protected:
  void live(std::uint64_t generation) {
    batch_.prepare(generation, 100, BatchMemory(layout_.memory_bytes), layout_);
    batch_.open();
  }

  const BatchLayout layout_ = BatchLayout::shared(4096, 8192);
  Batch batch_;
};

TEST_F(OneBatch, IsReadyOnceClosedAndCommittedWhicheverComesLast) {
  live(1);
  batch_.claim(claim_of(3, 48));
  EXPECT_FALSE(batch_.commit(1));
  EXPECT_FALSE(batch_.close(claim_of(3, 48)));
  EXPECT_TRUE(batch_.is_closed(1));
  EXPECT_FALSE(batch_.commit(1));
  EXPECT_FALSE(batch_.is_ready(1));
  EXPECT_TRUE(batch_.commit(1));
  EXPECT_TRUE(batch_.is_ready(1));
  EXPECT_EQ(batch_.records(), 3U);

  batch_.take_memory();
  live(2);
  EXPECT_FALSE(batch_.is_closed(1));
  batch_.claim(claim_of(1, 16));
  EXPECT_FALSE(batch_.commit(1));
  EXPECT_TRUE(batch_.close(claim_of(1, 16)));
}

TEST_F(OneBatch, RefusesClaimsBeforeBetweenAndAfterItsLives) {
  EXPECT_FALSE(layout_.limits.fits(batch_.claim(claim_of(1, 8))));
  live(1);
  EXPECT_TRUE(layout_.limits.fits(batch_.claim(claim_of(1, 8))));
  EXPECT_TRUE(layout_.limits.fits(batch_.refuse_claims()));
  EXPECT_FALSE(layout_.limits.fits(batch_.refuse_claims())) << "only one may be the closer";
  EXPECT_FALSE(layout_.limits.fits(batch_.claim(claim_of(1, 8))));
}

}  // namespace
}  // namespace varve::append
