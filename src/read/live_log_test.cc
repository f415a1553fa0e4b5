// Readers beside a log that is trimmed, deleted and made anew, or put back to an older copy, at every one of
// their requests in turn.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "object_store/memory/memory_store.h"
#include "testing/interleaved_store.h"
#include "testing/log_builder.h"
#include "varve/point_reader.h"
#include "varve/reader.h"
#include "varve/writer.h"

namespace varve {
namespace {

using object_store::MemoryStore;
using std::chrono::milliseconds;
using testing::BuiltWriter;
using testing::InterleavedStore;
using testing::LogBuilder;
using testing::Unstored;

constexpr milliseconds patience{20'000};
constexpr std::size_t most_requests = 400;

std::string record_text(std::span<const std::byte> data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

/// All objects of a store, by key.
using Snapshot = std::vector<std::pair<std::string, std::vector<std::byte>>>;

Snapshot snapshot_of(Store& store) {
  Snapshot all;
  const std::vector<ListedObject> listed = object_store::list_all_now(store, "").value();
  for (const ListedObject& object : listed) {
    const Bytes bytes = object_store::get_now(store, object.key).value();
    all.emplace_back(object.key, std::vector<std::byte>(bytes.data.begin(), bytes.data.end()));
  }
  return all;
}

/// The store holds what `all` says, and nothing else.
void put_back(Store& store, const Snapshot& all) {
  std::vector<std::string> keys;
  const std::vector<ListedObject> listed = object_store::list_all_now(store, "").value();
  for (const ListedObject& object : listed) keys.push_back(object.key);
  ASSERT_TRUE(keys.empty() || object_store::remove_now(store, keys));
  for (const auto& [key, body] : all) {
    const auto owner = std::make_shared<const std::vector<std::byte>>(body);
    ASSERT_TRUE(object_store::put_now(store, key, {*owner, owner}));
  }
}

/// Appends records "<name>-<offset>", each in an object of its own.
void append(const LogAddress& log, const std::string& name, std::size_t records) {
  const auto writer = Writer::open(log, {.window = 4}).value();
  for (std::size_t i = 0; i < records; ++i) {
    const std::string text = fmt::format("{}-{:04}", name, writer->status().end_offset);
    ASSERT_TRUE(writer->append(std::as_bytes(std::span(text))));
    ASSERT_TRUE(writer->flush());
  }
  ASSERT_TRUE(writer->close());
}

/// A log as it was, and what stands in its place after that.
struct Change {
  Snapshot before;
  Snapshot after;
  Offset parts_at = 0;  ///< the first offset that may be of `after`
};

/// Another log, just like the first but for its records.
Change made_anew() {
  const auto old_store = std::make_shared<MemoryStore>("changing");
  append({old_store, "log"}, "old", 12);
  const auto new_store = std::make_shared<MemoryStore>("changing");
  append({new_store, "log"}, "new", 16);
  return {snapshot_of(*old_store), snapshot_of(*new_store), 0};
}

/// The log as it was after 6 records, with others after them.
Change written_on() {
  const auto store = std::make_shared<MemoryStore>("changing");
  append({store, "log"}, "old", 6);
  const Snapshot copy = snapshot_of(*store);
  append({store, "log"}, "old", 6);
  Change change{.before = snapshot_of(*store), .after = {}, .parts_at = 6};
  put_back(*store, copy);
  append({store, "log"}, "new", 10);
  change.after = snapshot_of(*store);
  return change;
}

class ChangingLog : public ::testing::TestWithParam<bool> {
 protected:
  ChangingLog() : change_(GetParam() ? made_anew() : written_on()) {}

  /// A log that is changed before request `step` of whoever reads it.
  LogAddress changing_at(std::size_t step) {
    below_ = std::make_shared<MemoryStore>("changing");
    put_back(*below_, change_.before);
    store_ = std::make_shared<InterleavedStore>(below_);
    store_->before_each([this, step](std::size_t number) {
      if (number == step) put_back(*below_, change_.after);
    });
    return {store_, "log"};
  }

  [[nodiscard]] bool has_changed(std::size_t step) const { return store_->requests() > step; }

  /// Whether some log had these records in a row.
  [[nodiscard]] bool is_of_one_log(const std::vector<std::string>& records) const {
    bool old = false;
    bool anew = false;
    for (const std::string& record : records) (record.starts_with("old") ? old : anew) = true;
    if (!old || !anew) return true;
    return change_.parts_at > 0 && records.size() >= change_.parts_at &&
           std::all_of(records.begin() + static_cast<std::ptrdiff_t>(change_.parts_at), records.end(),
                       [](const std::string& record) { return record.starts_with("new"); });
  }

  Change change_;
  std::shared_ptr<MemoryStore> below_;
  std::shared_ptr<InterleavedStore> store_;
};

TEST_P(ChangingLog, AReaderStaysInItsLogOrSaysWhyNot) {
  std::size_t told = 0;
  for (const bool follow : {false, true}) {
    for (std::size_t step = 0; step < most_requests; ++step) {
      SCOPED_TRACE(fmt::format("request {}, {}", step, follow ? "following" : "to the end"));
      const LogAddress log = changing_at(step);
      auto reader =
          Reader::open(log, {.follow = follow, .read_ahead_objects = 1, .poll_ms = 1, .poll_max_ms = 1});
      ASSERT_TRUE(reader) << reader.error().message();
      std::vector<std::string> records;
      std::optional<Error> error;
      // A follower comes to the tail again and again, and asks for more until it has made sure of it.
      int ends_before = 0;
      int ends_after = 0;
      while (!error && ends_before < 3 && ends_after < (follow ? 70 : 2)) {
        const auto record = (*reader)->next(follow ? milliseconds(2) : patience);
        if (!record) {
          error = record.error();
        } else if (*record) {
          records.push_back(record_text((*record)->data));
        } else {
          ++(has_changed(step) ? ends_after : ends_before);
        }
      }
      ASSERT_TRUE(is_of_one_log(records)) << records.back();
      if (error) {
        ASSERT_EQ(error->code(), Code::foreign) << error->message();
        ++told;
      }
      if (!has_changed(step)) break;
      const bool has_read_what_is_gone =
          records.size() > change_.parts_at && records.back().starts_with("old");
      if (follow && has_read_what_is_gone) {
        ASSERT_TRUE(error) << "it waits for a log that is gone, after " << records.size();
      }
    }
  }
  EXPECT_GT(told, 5U);
}

TEST_P(ChangingLog, APositionIsFoundInOneOfTheLogs) {
  const std::vector<ReaderOptions> positions{
      {.from = Offset{9}}, {.since_unix_ms = INT64_MIN}, {.last = 3}, {.since_unix_ms = INT64_MAX}};
  for (ReaderOptions options : positions) {
    options.read_ahead_objects = 1;
    for (std::size_t step = 0; step < most_requests; ++step) {
      SCOPED_TRACE(step);
      const LogAddress log = changing_at(step);
      const auto reader = Reader::open(log, options);
      ASSERT_TRUE(reader) << reader.error().message();
      if (!has_changed(step)) break;
      std::vector<std::string> records;
      while (true) {
        const auto record = (*reader)->next(patience);
        if (!record) {
          ASSERT_EQ(record.error().code(), Code::foreign) << record.error().message();
          break;
        }
        if (!*record) break;
        records.push_back(record_text((*record)->data));
      }
      ASSERT_TRUE(is_of_one_log(records) || change_.parts_at > 0);
    }
  }
}

TEST_P(ChangingLog, APointReaderSaysThatItIsAnotherLog) {
  for (const std::size_t cache_bytes : {std::size_t{0}, std::size_t{4} << 20}) {
    std::size_t told = 0;
    for (std::size_t step = 0; step < most_requests; ++step) {
      SCOPED_TRACE(step);
      const LogAddress log = changing_at(step);
      const auto reader = PointReader::open(log, {.cache_bytes = cache_bytes});
      ASSERT_TRUE(reader) << reader.error().message();
      const bool opened_on_old = !has_changed(step);
      std::vector<std::string> records;
      for (const Offset offset : {8U, 9U, 10U, 8U, 11U, 15U}) {
        const auto record = (*reader)->read(offset);
        if (record) {
          records.push_back(record_text(record->data));
          ASSERT_EQ(records.back().substr(3), fmt::format("-{:04}", offset));
        } else if (record.error().code() != Code::out_of_range) {
          ASSERT_EQ(record.error().code(), Code::foreign) << record.error().message();
          ++told;
        }
      }
      if (!has_changed(step)) break;
      const bool any_new =
          std::ranges::any_of(records, [](const std::string& record) { return record.starts_with("new"); });
      ASSERT_FALSE(opened_on_old && any_new) << "it was opened on another log";
    }
    EXPECT_GT(told, 5U);
  }
}

// A record far behind its object's front, and in its place one of another log, just like it.
TEST(RestoredLog, WhatLiesDeepInAnObjectIsReadWithItsHeader) {
  const std::string text(50'000, 'x');
  const std::vector<std::span<const std::byte>> records(4, std::as_bytes(std::span(text)));
  const auto one_object = [&] {
    const auto store = std::make_shared<MemoryStore>("deep");
    const auto writer = Writer::open({store, "log"}).value();
    EXPECT_TRUE(writer->append_batch(records));
    EXPECT_TRUE(writer->close());
    return store;
  };
  const auto store = one_object();
  const auto reader = PointReader::open({store, "log"});
  ASSERT_TRUE(reader) << reader.error().message();
  for (const Offset offset : {0U, 2U, 3U}) ASSERT_TRUE((*reader)->read(offset)) << offset;
  put_back(*store, snapshot_of(*one_object()));
  const auto record = (*reader)->read(3);
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code(), Code::foreign) << record.error().message();
}

INSTANTIATE_TEST_SUITE_P(MadeAnewOrPutBack, ChangingLog, ::testing::Bool(),
                         [](const auto& of) { return of.param ? "MadeAnew" : "PutBackAndWrittenOn"; });

// Trims. ------------------------------------------------------------------------------------------

/// A log with 400 objects, which is trimmed by `objects_each` before each of the first `times` requests of
/// its reader.
class TrimmedLog {
 public:
  TrimmedLog(std::size_t times, Offset objects_each)
      : log_(4), writer_(log_.open()), store_(std::make_shared<InterleavedStore>(log_.address().store)) {
    for (int i = 0; i < 400; ++i) writer_.put(1);
    store_->before_each([this, times, objects_each](std::size_t number) {
      if (number >= times) return;
      start_ += objects_each;
      writer_.put(1);
      writer_.trim(start_);
      writer_.sweep();
    });
  }

  [[nodiscard]] LogAddress address() const { return {store_, log_.address().path}; }

 private:
  LogBuilder log_;
  BuiltWriter writer_;
  std::shared_ptr<InterleavedStore> store_;
  Offset start_ = 0;
};

TEST(TrimmedLog, OpeningIsNeverToldOfDamage) {
  for (const Offset objects_each : {1U, 3U, 7U}) {
    for (std::size_t times = 0; times < 55; ++times) {
      SCOPED_TRACE(fmt::format("{} trims of {}", times, objects_each));
      {
        const TrimmedLog log(times, objects_each);
        const auto reader = Reader::open(log.address(), {.read_ahead_objects = 1});
        ASSERT_TRUE(reader) << reader.error().message();
      }
      {
        const TrimmedLog log(times, objects_each);
        const auto reader = Reader::open(log.address(), {.from = Offset{200}, .read_ahead_objects = 1});
        if (!reader) {
          ASSERT_EQ(reader.error().code(), Code::out_of_range) << reader.error().message();
        }
      }
      {
        const TrimmedLog log(times, objects_each);
        const auto reader = PointReader::open(log.address());
        ASSERT_TRUE(reader) << reader.error().message();
        const auto record = (*reader)->read(150);
        if (!record) {
          ASSERT_EQ(record.error().code(), Code::out_of_range) << record.error().message();
        }
      }
    }
  }
}

TEST(TrimmedLog, ReadingIsNeverToldOfDamage) {
  for (const Offset objects_each : {1U, 2U, 5U}) {
    const TrimmedLog log(70, objects_each);
    auto reader = Reader::open(log.address(), {.read_ahead_objects = 1});
    ASSERT_TRUE(reader) << reader.error().message();
    while (true) {
      const auto record = (*reader)->next(patience);
      if (record && !*record) break;
      if (record) continue;
      ASSERT_EQ(record.error().code(), Code::out_of_range) << record.error().message();
      reader =
          Reader::open(log.address(), {.from = record.error().valid_range()->begin, .read_ahead_objects = 1});
      ASSERT_TRUE(reader) << reader.error().message();
    }
  }
}

// A claimant looked at the log when the object's place was its tail, slept, and put its seal there when all
// up to there had been trimmed away. The point reader knows what was there before.
TEST(TrimmedLog, APointReaderIsNotMisledByALateSeal) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (int i = 0; i < 3; ++i) writer.put(2);
  const Unstored late = log.make_seal();
  for (int i = 0; i < 20; ++i) writer.put(2);
  const auto reader = PointReader::open(log.address()).value();
  ASSERT_TRUE(reader->read(6));
  writer.trim(30);
  writer.sweep();
  log.store(late);
  for (int i = 0; i < 2; ++i) {
    const auto record = reader->read(6);
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().code(), Code::out_of_range) << record.error().message();
    EXPECT_EQ(record.error().valid_range(), (OffsetRange{30, 46}));
  }
  EXPECT_TRUE(reader->read(30));
}

}  // namespace
}  // namespace varve
