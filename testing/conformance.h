// What every store must do, as tests. Run them on yours, in one source file of a test program:
//
//   #include "testing/conformance.h"
//   INSTANTIATE_TEST_SUITE_P(Mine, StoreConformance, testing::Values(varve::object_store::StoreUnderTest{
//       .name = "mine", .open = [] { return std::make_shared<MyStore>(); }}), varve::object_store::name_of);
//
// `open` is called once for each test. Every test works under keys of its own, which it removes, so
// the objects may live somewhere that lasts.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "varve/store.h"

namespace varve::object_store {

struct StoreUnderTest {
  std::string name;  ///< letters and digits
  std::function<std::shared_ptr<Store>()> open;
};

// What googletest calls to show a parameter.
inline std::ostream& operator<<(std::ostream& out, const StoreUnderTest& store) { return out << store.name; }

inline std::string name_of(const testing::TestParamInfo<StoreUnderTest>& info) { return info.param.name; }

class StoreConformance : public testing::TestWithParam<StoreUnderTest> {
 protected:
  void SetUp() override {
    store_ = GetParam().open();
    ASSERT_NE(store_, nullptr);
    std::random_device random;
    base_ = "conformance-" + std::to_string(random()) + std::to_string(random()) + "/";
  }

  void TearDown() override {
    if (!store_) store_ = GetParam().open();
    ASSERT_NE(store_, nullptr);
    auto left = list_all_now(*store_, base_);
    ASSERT_TRUE(left) << left.error().message();
    std::vector<std::string> keys;
    for (const ListedObject& object : *left) keys.push_back(object.key);
    for (std::size_t at = 0; at < keys.size(); at += 1000) {
      const auto first = keys.begin() + static_cast<std::ptrdiff_t>(at);
      const auto last = keys.begin() + static_cast<std::ptrdiff_t>(std::min(at + 1000, keys.size()));
      const auto removed = remove_now(*store_, {first, last});
      EXPECT_TRUE(removed && removed->empty());
    }
  }

  [[nodiscard]] std::string key(std::string_view name) const { return base_ + std::string(name); }

  void put(std::string_view name, std::string_view text) {
    const auto stored = put_if_absent_now(*store_, key(name), copy_bytes(text));
    ASSERT_TRUE(stored) << stored.error().message();
  }

  [[nodiscard]] std::string text_of(std::string_view name, ByteRange range = {}) {
    const auto bytes = get_now(*store_, key(name), range);
    return bytes ? text(*bytes) : "error: " + bytes.error().message();
  }

  [[nodiscard]] static std::string text(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size()};
  }

  /// The names (without what is common to this test) of one page.
  [[nodiscard]] std::vector<std::string> names(const Listing& page) const {
    std::vector<std::string> found;
    for (const ListedObject& object : page.objects) found.push_back(object.key.substr(base_.size()));
    return found;
  }

  [[nodiscard]] std::vector<std::string> list(std::string_view prefix, std::string_view after = {}) {
    const std::string after_key = after.empty() ? std::string() : key(after);
    const auto page = list_now(*store_, key(prefix), after_key);
    if (!page) return {"error: " + page.error().message()};
    EXPECT_FALSE(page->truncated);
    return names(*page);
  }

  std::shared_ptr<Store> store_;
  std::string base_;
};

using Names = std::vector<std::string>;

TEST_P(StoreConformance, WhatIsPutIsThere) {
  put("a", "one");
  EXPECT_EQ(text_of("a"), "one");
}

TEST_P(StoreConformance, PutIfAbsentKeepsTheFirst) {
  put("a", "first");
  const auto second = put_if_absent_now(*store_, key("a"), copy_bytes("second"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::already_exists);
  EXPECT_EQ(second.error().outcome(), WriteOutcome::not_written);
  EXPECT_EQ(text_of("a"), "first");
}

TEST_P(StoreConformance, PutReplaces) {
  ASSERT_TRUE(put_now(*store_, key("a"), copy_bytes("a long first text")));
  ASSERT_TRUE(put_now(*store_, key("a"), copy_bytes("short")));
  EXPECT_EQ(text_of("a"), "short");
}

TEST_P(StoreConformance, BytesReadSurviveReplacementAndRemoval) {
  put("a", "old");
  const auto old = get_now(*store_, key("a"));
  ASSERT_TRUE(old);
  ASSERT_TRUE(put_now(*store_, key("a"), copy_bytes("new")));
  ASSERT_TRUE(remove_now(*store_, {key("a")}));
  EXPECT_EQ(text(*old), "old");
}

TEST_P(StoreConformance, TheBodyIsLetGoWhenDone) {
  Bytes body = copy_bytes("text");
  const std::weak_ptr<const void> owner = body.owner;
  ASSERT_TRUE(put_if_absent_now(*store_, key("a"), std::move(body)));
  EXPECT_TRUE(owner.expired());
}

TEST_P(StoreConformance, RangesReturnWhatExists) {
  put("a", "0123456789");
  EXPECT_EQ(text_of("a", {.offset = 2, .length = 3}), "234");
  EXPECT_EQ(text_of("a", {.offset = 7, .length = 100}), "789");
  EXPECT_EQ(text_of("a", {.offset = 9}), "9");
  EXPECT_EQ(text_of("a", {.offset = 10, .length = 1}), "");
  EXPECT_EQ(text_of("a", {.offset = 1'000'000'000'000, .length = 1}), "");
  EXPECT_EQ(text_of("a", {.offset = UINT64_MAX, .length = UINT64_MAX}), "");
  EXPECT_EQ(text_of("a", {.offset = 3, .length = 0}), "");
}

TEST_P(StoreConformance, EmptyObjects) {
  put("empty", "");
  EXPECT_EQ(text_of("empty"), "");
  EXPECT_EQ(text_of("empty", {.offset = 5, .length = 5}), "");
  const auto page = list_now(*store_, key("empty"));
  ASSERT_TRUE(page);
  ASSERT_EQ(page->objects.size(), 1U);
  EXPECT_EQ(page->objects[0].bytes, 0U);
}

TEST_P(StoreConformance, LargeObjects) {
  std::string large(std::size_t{20} << 20, '\0');
  std::minstd_rand random(1);
  std::generate(large.begin(), large.end(), [&] { return static_cast<char>(random()); });
  put("large", large);
  EXPECT_TRUE(text_of("large") == large);
  EXPECT_TRUE(text_of("large", {.offset = 12'345'678, .length = 7}) == large.substr(12'345'678, 7));
  const auto page = list_now(*store_, key(""));
  ASSERT_TRUE(page);
  ASSERT_EQ(page->objects.size(), 1U);
  EXPECT_EQ(page->objects[0].bytes, large.size());
}

TEST_P(StoreConformance, AbsentObjects) {
  const auto absent = get_now(*store_, key("absent"));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code(), Code::not_found);
  put("folder/object", "x");
  const auto folder = get_now(*store_, key("folder"));
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code(), Code::not_found);
}

TEST_P(StoreConformance, RemoveIsForgiving) {
  put("a", "1");
  put("b", "2");
  const auto removed = remove_now(*store_, {key("a"), key("never/was"), key("c")});
  ASSERT_TRUE(removed) << removed.error().message();
  EXPECT_TRUE(removed->empty());
  EXPECT_EQ(list(""), (Names{"b"}));
  const auto again = remove_now(*store_, {key("a")});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->empty());
  EXPECT_TRUE(remove_now(*store_, {}));
}

TEST_P(StoreConformance, ARemovedNameCanBeCreatedAgain) {
  put("a", "1");
  ASSERT_TRUE(remove_now(*store_, {key("a")}));
  EXPECT_EQ(get_now(*store_, key("a")).error().code(), Code::not_found);
  put("a", "2");
  EXPECT_EQ(text_of("a"), "2");
}

TEST_P(StoreConformance, ListIsSortedByByte) {
  // '-' and '.' sort before '/', digits after it: folders must not be sorted by their bare names.
  const Names sorted{"a",
                     "b-c",
                     "b.c",
                     "b/1",
                     "b/c/1",
                     "b/c0",
                     "b0",
                     "ba",
                     "wal/00000000000000000001",
                     "wal/00000000000000000002",
                     "\xc3\xa9"};
  Names shuffled = sorted;
  std::shuffle(shuffled.begin(), shuffled.end(), std::minstd_rand(7));
  for (const std::string& name : shuffled) put(name, name);
  EXPECT_EQ(list(""), sorted);
  EXPECT_EQ(list("b"), (Names{"b-c", "b.c", "b/1", "b/c/1", "b/c0", "b0", "ba"}));
  EXPECT_EQ(list("b/"), (Names{"b/1", "b/c/1", "b/c0"}));
  EXPECT_EQ(list("b/c"), (Names{"b/c/1", "b/c0"}));
  EXPECT_EQ(list("wal/0000"), (Names{"wal/00000000000000000001", "wal/00000000000000000002"}));
  EXPECT_EQ(list("none"), Names{});
  EXPECT_EQ(list("none/at/all/"), Names{});
  EXPECT_EQ(list("a/"), Names{});
}

TEST_P(StoreConformance, ListAfter) {
  for (const char* name : {"a/1", "a/2", "a/2x/1", "a/3", "b"}) put(name, name);
  EXPECT_EQ(list("a/", "a/1"), (Names{"a/2", "a/2x/1", "a/3"}));
  EXPECT_EQ(list("a/", "a/2"), (Names{"a/2x/1", "a/3"}));
  EXPECT_EQ(list("a/", "a/2x"), (Names{"a/2x/1", "a/3"}));
  EXPECT_EQ(list("a/", "a/2x/1"), (Names{"a/3"}));
  EXPECT_EQ(list("a/", "a/3"), Names{});
  EXPECT_EQ(list("a/", "b"), Names{});
  EXPECT_EQ(list("a/", "A"), (Names{"a/1", "a/2", "a/2x/1", "a/3"}));
  EXPECT_EQ(list("", "a/3"), (Names{"b"}));
}

TEST_P(StoreConformance, ListInPages) {
  Names all;
  for (int i = 0; i < 25; ++i) {
    all.push_back("wal/" + std::to_string(1000 + i));
    put(all.back(), std::string(static_cast<std::size_t>(i), 'x'));
  }
  for (const std::uint32_t limit : {1U, 7U, 24U, 25U, 1000U}) {
    Names found;
    std::string after;
    for (bool more = true; more;) {
      const auto page = list_now(*store_, key("wal/"), after, limit);
      ASSERT_TRUE(page) << page.error().message();
      ASSERT_LE(page->objects.size(), limit);
      ASSERT_TRUE(!page->truncated || !page->objects.empty());
      for (const std::string& name : names(*page)) found.push_back(name);
      more = page->truncated;
      if (more) after = page->objects.back().key;
    }
    EXPECT_EQ(found, all) << "in pages of " << limit;
  }
  const auto sizes = list_now(*store_, key("wal/"), key("wal/1022"));
  ASSERT_TRUE(sizes);
  ASSERT_EQ(sizes->objects.size(), 2U);
  EXPECT_EQ(sizes->objects[0].bytes, 23U);
  EXPECT_EQ(sizes->objects[1].bytes, 24U);
}

TEST_P(StoreConformance, OddCharactersInKeys) {
  Names odd{" ",
            "!\"#$&'()*+,",
            "%41",
            "..a",
            ".hidden",
            ":;<=>?@",
            "A b/C d",
            "[\\]^_`",
            "a..",
            "{|}~",
            "\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82",
            std::string(200, 'x')};
  std::sort(odd.begin(), odd.end());
  for (const std::string& name : odd) put(name, name);
  EXPECT_EQ(list(""), odd);
  for (const std::string& name : odd) EXPECT_EQ(text_of(name), name);
  std::vector<std::string> keys;
  for (const std::string& name : odd) keys.push_back(key(name));
  const auto removed = remove_now(*store_, keys);
  ASSERT_TRUE(removed && removed->empty());
  EXPECT_EQ(list(""), Names{});
}

TEST_P(StoreConformance, TheLongestKey) {
  std::string longest = base_;
  while (longest.size() + 101 < 1024) longest += std::string(100, 'k') + "/";
  longest.append(1024 - longest.size(), 'k');
  ASSERT_TRUE(put_if_absent_now(*store_, longest, copy_bytes("x")));
  EXPECT_TRUE(get_now(*store_, longest));
  const auto page = list_now(*store_, base_);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->objects.size(), 1U);
  EXPECT_EQ(page->objects[0].key, longest);
}

TEST_P(StoreConformance, ImpossibleKeysAreRefused) {
  const Names impossible{"",
                         "/a",
                         "a/",
                         "a//b",
                         ".",
                         "..",
                         "../a",
                         "a/.",
                         "a/..",
                         "a/../b",
                         "\xff",
                         "a\nb",
                         std::string("a\0b", 3),
                         std::string(1025, 'k'),
                         "\xc0\xaf",
                         "\xed\xa0\x80"};
  for (const std::string& bad : impossible) {
    const auto put_result = put_if_absent_now(*store_, bad, copy_bytes("x"));
    ASSERT_FALSE(put_result) << bad;
    EXPECT_EQ(put_result.error().code(), Code::invalid_argument) << bad;
    EXPECT_EQ(put_result.error().outcome(), WriteOutcome::not_written);
    EXPECT_EQ(put_now(*store_, bad, copy_bytes("x")).error().code(), Code::invalid_argument) << bad;
    EXPECT_EQ(get_now(*store_, bad).error().code(), Code::invalid_argument) << bad;
    const auto removed = remove_now(*store_, {bad});
    ASSERT_TRUE(removed);
    ASSERT_EQ(removed->size(), 1U) << bad;
    EXPECT_EQ((*removed)[0].key, bad);
    EXPECT_EQ((*removed)[0].error.code(), Code::invalid_argument);
  }
}

TEST_P(StoreConformance, LimitsAreKept) {
  EXPECT_EQ(list_now(*store_, base_, "", 0).error().code(), Code::invalid_argument);
  EXPECT_EQ(list_now(*store_, base_, "", 1001).error().code(), Code::invalid_argument);
  const std::vector<std::string> keys(1001, key("a"));
  EXPECT_EQ(remove_now(*store_, keys).error().code(), Code::invalid_argument);
}

TEST_P(StoreConformance, RacesForANameHaveOneWinner) {
  constexpr int thread_count = 20;
  constexpr std::size_t key_count = 200;
  std::vector<std::atomic<int>> wins(key_count);
  std::vector<std::atomic<int>> winner(key_count);
  std::atomic<int> other_failures = 0;
  std::vector<std::thread> threads;
  threads.reserve(thread_count);
  for (int t = 0; t < thread_count; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t k = 0; k < key_count; ++k) {
        const auto result =
            put_if_absent_now(*store_, key("race/" + std::to_string(k)), copy_bytes(std::to_string(t)));
        if (result) {
          ++wins[k];
          winner[k] = t;
        } else if (result.error().code() != Code::already_exists) {
          ++other_failures;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(other_failures, 0);
  for (std::size_t k = 0; k < key_count; ++k) {
    ASSERT_EQ(wins[k], 1) << k;
    ASSERT_EQ(text_of("race/" + std::to_string(k)), std::to_string(winner[k])) << k;
  }
}

TEST_P(StoreConformance, ReadAndListAfterWriteUnderConcurrency) {
  constexpr int thread_count = 8;
  constexpr int round_count = 20;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  threads.reserve(thread_count);
  for (int t = 0; t < thread_count; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < round_count; ++i) {
        const std::string name = key("wal/" + std::to_string(t) + "-" + std::to_string(100 + i));
        if (!put_if_absent_now(*store_, name, copy_bytes(name))) ++failures;
        const auto bytes = get_now(*store_, name);
        if (!bytes || text(*bytes) != name) ++failures;
        const auto page = list_now(*store_, name, "", 1);
        if (!page || page->objects.size() != 1 || page->objects[0].bytes != name.size()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(list("wal/").size(), std::size_t{thread_count} * round_count);
}

// A listing need not be one moment. But what is there all the while is in it, and what never was is not.
TEST_P(StoreConformance, ListsWhatStaysWhileOthersComeAndGo) {
  Names staying;
  for (int i = 0; i < 20; ++i) {
    staying.push_back("wal/" + std::to_string(1000 + 10 * i));
    put(staying.back(), "stays");
  }
  std::atomic<bool> over = false;
  std::thread passing([&] {
    for (int i = 0; !over && i < 1000; ++i) {
      const std::string name = key("wal/" + std::to_string(1000 + 10 * (i % 20) + 1 + i % 9));
      EXPECT_TRUE(put_now(*store_, name, copy_bytes("passes")));
      EXPECT_TRUE(remove_now(*store_, {name}));
    }
  });
  for (int listings = 0; listings < 50; ++listings) {
    const auto page = list_now(*store_, key("wal/"));
    EXPECT_TRUE(page);
    if (!page) break;
    Names found = names(*page);
    EXPECT_TRUE(std::ranges::is_sorted(found));
    EXPECT_TRUE(std::ranges::adjacent_find(found) == found.end());
    EXPECT_TRUE(std::ranges::includes(found, staying));
    for (const ListedObject& object : page->objects) EXPECT_TRUE(object.bytes == 5 || object.bytes == 6);
  }
  over = true;
  passing.join();
}

TEST_P(StoreConformance, AReplacedObjectIsReadWhole) {
  const std::string old_text(100'000, 'o');
  const std::string new_text(50'000, 'n');
  ASSERT_TRUE(put_now(*store_, key("hint"), copy_bytes(old_text)));
  std::atomic<bool> over = false;
  std::thread replacer([&] {
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(put_now(*store_, key("hint"), copy_bytes(i % 2 == 0 ? new_text : old_text)));
    }
    over = true;
  });
  while (!over) {
    const std::string seen = text_of("hint");
    ASSERT_TRUE(seen == old_text || seen == new_text) << seen.size() << " bytes, " << seen.substr(0, 100);
  }
  replacer.join();
}

TEST_P(StoreConformance, DestructionAnswersOpenCallsOnce) {
  constexpr int call_count = 100;
  std::vector<std::atomic<int>> answers(call_count);
  std::atomic<int> impossible = 0;
  for (int i = 0; i < call_count; ++i) {
    store_->put_if_absent(key("open/" + std::to_string(i)), copy_bytes(std::string(10'000, 'x')),
                          [&, i](Result<void> result) {
                            ++answers[static_cast<std::size_t>(i)];
                            if (!result && result.error().code() != Code::closed) ++impossible;
                          });
  }
  store_.reset();
  for (int i = 0; i < call_count; ++i) ASSERT_EQ(answers[static_cast<std::size_t>(i)], 1) << i;
  EXPECT_EQ(impossible, 0);
}

}  // namespace varve::object_store
