#include "log/append_notifier.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "object_store/memory/memory_store.h"

namespace varve::log {
namespace {

LogAddress address(const std::shared_ptr<Store>& store, const std::string& path) { return {store, path}; }

TEST(AppendNotifier, IsOneForEachLogOfAStoreObject) {
  const auto store = std::make_shared<object_store::MemoryStore>("one");
  const auto other = std::make_shared<object_store::MemoryStore>("one");
  const auto append_notifier = AppendNotifier::of(address(store, "log"));
  EXPECT_EQ(AppendNotifier::of(address(store, "log")), append_notifier);
  EXPECT_NE(AppendNotifier::of(address(store, "log2")), append_notifier);
  EXPECT_NE(AppendNotifier::of(address(other, "log")), append_notifier);
}

TEST(AppendNotifier, ListenersHearItWhileTheyListen) {
  const auto store = std::make_shared<object_store::MemoryStore>("heard");
  const auto append_notifier = AppendNotifier::of(address(store, "log"));
  int first = 0;
  int second = 0;
  append_notifier->ring();
  {
    const AppendNotifier::Listener one(AppendNotifier::of(address(store, "log")), [&] { ++first; });
    append_notifier->ring();
    const AppendNotifier::Listener two(append_notifier, [&] { ++second; });
    append_notifier->ring();
  }
  append_notifier->ring();
  EXPECT_EQ(first, 2);
  EXPECT_EQ(second, 1);
}

TEST(AppendNotifier, NothingIsLeftOfItWhenItsLastHolderGoes) {
  const auto store = std::make_shared<object_store::MemoryStore>("left");
  std::weak_ptr<AppendNotifier> gone = AppendNotifier::of(address(store, "log"));
  EXPECT_TRUE(gone.expired());
  EXPECT_EQ(store.use_count(), 1);
  EXPECT_TRUE(AppendNotifier::of(address(store, "log")));
}

TEST(AppendNotifier, ComesAndGoesWhileItRings) {
  const auto store = std::make_shared<object_store::MemoryStore>("busy");
  std::atomic<bool> enough = false;
  std::atomic<int> heard = 0;
  std::thread ringer([&] {
    while (!enough) AppendNotifier::of(address(store, "log"))->ring();
  });
  for (int i = 0; i < 30; ++i) {
    const AppendNotifier::Listener listener(AppendNotifier::of(address(store, "log")), [&] { ++heard; });
    const int before = heard;
    while (heard == before) std::this_thread::yield();
  }
  enough = true;
  ringer.join();
  EXPECT_GE(heard, 30);
}

}  // namespace
}  // namespace varve::log
