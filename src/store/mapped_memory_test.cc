#include "store/mapped_memory.h"

#include <gtest/gtest.h>

#include <cstring>

namespace varve::store {
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

TEST(BodyMemory, PiecesMayOutliveIt) {
  auto memory = BodyMemory::create(8 * mib);
  const auto small = memory->take(100);
  const auto large = memory->take(3 * mib);
  memory = nullptr;
  small.get()[99] = std::byte{1};
  large.get()[3 * mib - 1] = std::byte{1};
}

}  // namespace
}  // namespace varve::store
