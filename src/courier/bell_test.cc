#include "courier/bell.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "store/memory/memory_store.h"

namespace varve::courier {
namespace {

LogAddress address(const std::shared_ptr<Store>& store, const std::string& path) { return {store, path}; }

TEST(Bell, IsOneForEachLogOfAStoreObject) {
  const auto store = std::make_shared<store::MemoryStore>("one");
  const auto other = std::make_shared<store::MemoryStore>("one");
  const auto bell = Bell::of(address(store, "log"));
  EXPECT_EQ(Bell::of(address(store, "log")), bell);
  EXPECT_NE(Bell::of(address(store, "log2")), bell);
  EXPECT_NE(Bell::of(address(other, "log")), bell);
}

TEST(Bell, ListenersHearItWhileTheyListen) {
  const auto store = std::make_shared<store::MemoryStore>("heard");
  const auto bell = Bell::of(address(store, "log"));
  int first = 0;
  int second = 0;
  bell->ring();
  {
    const Bell::Listener one(Bell::of(address(store, "log")), [&] { ++first; });
    bell->ring();
    const Bell::Listener two(bell, [&] { ++second; });
    bell->ring();
  }
  bell->ring();
  EXPECT_EQ(first, 2);
  EXPECT_EQ(second, 1);
}

TEST(Bell, NothingIsLeftOfItWhenItsLastHolderGoes) {
  const auto store = std::make_shared<store::MemoryStore>("left");
  std::weak_ptr<Bell> gone = Bell::of(address(store, "log"));
  EXPECT_TRUE(gone.expired());
  EXPECT_EQ(store.use_count(), 1);
  EXPECT_TRUE(Bell::of(address(store, "log")));
}

TEST(Bell, ComesAndGoesWhileItRings) {
  const auto store = std::make_shared<store::MemoryStore>("busy");
  std::atomic<bool> enough = false;
  std::atomic<int> heard = 0;
  std::thread ringer([&] {
    while (!enough) Bell::of(address(store, "log"))->ring();
  });
  for (int i = 0; i < 30; ++i) {
    const Bell::Listener listener(Bell::of(address(store, "log")), [&] { ++heard; });
    const int before = heard;
    while (heard == before) std::this_thread::yield();
  }
  enough = true;
  ringer.join();
  EXPECT_GE(heard, 30);
}

}  // namespace
}  // namespace varve::courier
