#include "read/object_cache.h"

#include <gtest/gtest.h>

namespace varve::read {
namespace {

format::Header header_of(Seq seq, Offset first_offset, std::uint32_t records) {
  format::Header header;
  header.seq = seq;
  header.first_offset = first_offset;
  header.record_count = records;
  return header;
}

ObjectCache::Index index_of(std::size_t entries) {
  return std::make_shared<const ObjectIndex>(
      ObjectIndex{.records = std::vector<format::IndexEntry>(entries), .blocks = {}});
}

std::vector<Seq> seqs(const std::vector<format::Header>& headers) {
  std::vector<Seq> seqs;
  seqs.reserve(headers.size());
  for (const format::Header& header : headers) seqs.push_back(header.seq);
  return seqs;
}

TEST(ObjectCache, FindsTheHolder) {
  ObjectCache known(1 << 20);
  known.add(header_of(10, 100, 5));
  known.add(header_of(11, 105, 0));  // empty: it begins where the next one does
  known.add(header_of(12, 105, 5));
  known.add(header_of(20, 200, 1));
  EXPECT_FALSE(known.holding(99));
  EXPECT_EQ(known.holding(100)->header.seq, 10U);
  EXPECT_EQ(known.holding(104)->header.seq, 10U);
  EXPECT_EQ(known.holding(105)->header.seq, 12U);
  EXPECT_FALSE(known.holding(110));
  EXPECT_EQ(known.holding(200)->header.seq, 20U);
  EXPECT_FALSE(known.holding(201));
  known.forget(header_of(12, 105, 5));
  EXPECT_FALSE(known.holding(105));
}

TEST(ObjectCache, TellsWhatIsAround) {
  ObjectCache known(1 << 20);
  EXPECT_TRUE(known.around(5).empty());
  known.add(header_of(10, 100, 5));
  known.add(header_of(20, 200, 1));
  EXPECT_EQ(seqs(known.around(99)), (std::vector<Seq>{10}));
  EXPECT_EQ(seqs(known.around(150)), (std::vector<Seq>{10, 20}));
  EXPECT_EQ(seqs(known.around(300)), (std::vector<Seq>{20}));
}

TEST(ObjectCache, KeepsAnIndexItHas) {
  ObjectCache known(1 << 20);
  known.add(header_of(1, 0, 5));
  EXPECT_EQ(known.holding(0)->index, nullptr);
  const auto index = index_of(3);
  known.add(header_of(1, 0, 5), index);
  known.add(header_of(1, 0, 5));
  EXPECT_EQ(known.holding(0)->index, index);
  EXPECT_EQ(known.size(), 1U);
}

TEST(ObjectCache, TheLeastRecentlyUsedGoesFirst) {
  const std::size_t each = ObjectCache::bytes_of({header_of(0, 0, 1), index_of(16)});
  ObjectCache known(3 * each);
  for (Seq seq = 0; seq < 3; ++seq) known.add(header_of(seq, seq, 1), index_of(16));
  EXPECT_EQ(known.bytes(), 3 * each);
  EXPECT_TRUE(known.holding(0));
  known.add(header_of(3, 3, 1), index_of(16));
  EXPECT_FALSE(known.holding(1));
  for (const Offset there : {0, 2, 3}) EXPECT_TRUE(known.holding(there)) << there;
  EXPECT_EQ(known.bytes(), 3 * each);
}

TEST(ObjectCache, NeverHoldsMoreThanItMay) {
  ObjectCache nothing(0);
  nothing.add(header_of(1, 0, 5));
  EXPECT_FALSE(nothing.holding(0));
  EXPECT_EQ(nothing.bytes(), 0U);

  ObjectCache known(10'000);
  for (Seq seq = 0; seq < 1000; ++seq) {
    known.add(header_of(seq, seq, 1), index_of(seq % 100));
    ASSERT_LE(known.bytes(), 10'000U);
  }
  EXPECT_GT(known.size(), 2U);
}

}  // namespace
}  // namespace varve::read
