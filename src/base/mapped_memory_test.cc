#include "base/mapped_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

namespace varve::object_store {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

TEST(MappedMemory, IsZeroedAndWholePages) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{5000}, 2 * mib, 3 * mib + 1}) {
    const MappedMemory memory(bytes);
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory.bytes(), MappedMemory::mapped_bytes(bytes));
    EXPECT_GE(memory.bytes(), bytes);
    EXPECT_EQ(memory.data()[0], std::byte{0});
    memory.data()[memory.bytes() - 1] = std::byte{1};
  }
  EXPECT_FALSE(MappedMemory(std::size_t{1} << 60)) << "more than there is";
}

TEST(BodyMemory, LargePiecesAreUsedAgainUpToTheBound) {
  const auto memory = BodyMemory::create(2 * mib);
  auto one = memory->take(2 * mib);
  auto two = memory->take(2 * mib);
  std::memset(one.get(), 1, 2 * mib);
  const std::byte* const kept = one.get();
  one = nullptr;
  two = nullptr;  // no room to keep this one, too
  EXPECT_EQ(memory->take(2 * mib - 5).get(), kept) << "of the same size when rounded";
}

TEST(BodyMemory, WhatIsKeptIsSplitAndJoinedForBodiesOfOtherSizes) {
  const auto memory = BodyMemory::create(8 * mib);
  std::set<const std::byte*> first;  // where 2 MiB begin that were touched
  {
    const auto eight = memory->take(8 * mib);
    std::memset(eight.get(), 1, 8 * mib);
    for (std::size_t at = 0; at < 8 * mib; at += 2 * mib) first.insert(eight.get() + at);
  }
  for (const std::vector<std::size_t>& sizes :
       {std::vector<std::size_t>{2, 4, 2}, {6, 2}, {2, 2, 2, 2}, {8}, {3, 3}, {8}}) {
    std::vector<std::shared_ptr<std::byte[]>> bodies;
    for (const std::size_t size : sizes) {
      bodies.push_back(memory->take(size * mib));
      EXPECT_EQ(first.count(bodies.back().get()), 1U) << "fresh memory for " << size << " MiB";
      std::memset(bodies.back().get(), 2, size * mib);
    }
    // Back in an order of its own, so that both neighbours of a piece are met.
    std::swap(bodies.front(), bodies.back());
  }
}

TEST(BodyMemory, ThoseInLineShareAPieceThatIsUsedAgain) {
  const auto memory = BodyMemory::create(8 * mib);
  auto one = memory->take_in_line(700'000);
  auto two = memory->take_in_line(900'000);
  auto three = memory->take_in_line(900'000);
  std::memset(one.get(), 1, 700'000);
  std::memset(two.get(), 2, 900'000);
  std::memset(three.get(), 3, 900'000);
  EXPECT_EQ(one.get()[699'999], std::byte{1});
  EXPECT_EQ(two.get()[899'999], std::byte{2});
  EXPECT_LT(two.get() - one.get(), static_cast<std::ptrdiff_t>(2 * mib)) << "two lie in one piece";
  const std::byte* const first = one.get();
  one = nullptr;
  three = nullptr;
  EXPECT_NE(memory->take(2 * mib).get(), first) << "the second one still lies there";
  two = nullptr;
  const auto next = memory->take(2 * mib);
  const auto next_but_one = memory->take(2 * mib);
  EXPECT_TRUE(next.get() == first || next_but_one.get() == first);
  // And of one piece, when all that lay in it have gone, there is a next.
  const auto again = memory->take_in_line(100'000);
  std::memset(again.get(), 4, 100'000);
  EXPECT_EQ(memory->take_in_line(10).get()[9] = std::byte{5}, std::byte{5}) << "small ones are malloc's";
}

TEST(BodyMemory, PiecesMayOutliveIt) {
  auto memory = BodyMemory::create(8 * mib);
  const auto small = memory->take(100);
  const auto large = memory->take(3 * mib);
  const auto in_line = memory->take_in_line(mib / 2);
  memory = nullptr;
  in_line.get()[mib / 2 - 1] = std::byte{1};
  small.get()[99] = std::byte{1};
  large.get()[3 * mib - 1] = std::byte{1};
}

}  // namespace
}  // namespace varve::object_store
