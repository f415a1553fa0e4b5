// What a newer program has stored, wherever it counts: nobody calls it damage, passes over it or writes
// behind it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "format/envelope.h"
#include "format/header.h"
#include "format/key.h"
#include "format/seal.h"
#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "object_store/memory/memory_store.h"
#include "testing/log_builder.h"
#include "varve/inspect.h"
#include "varve/mirror.h"
#include "varve/point_reader.h"
#include "varve/reader.h"
#include "varve/repair.h"
#include "varve/retention.h"
#include "varve/writer.h"

namespace varve {
namespace {

using testing::BuiltWriter;
using testing::LogBuilder;

/// Window 4. Epoch 0: DATA at 4 to 6; seal 7; DATA at 11 to 13 and a closing one. Two records each.
struct Log {
  LogBuilder built;
  Seq newest_seal = 0;
  std::vector<Seq> data;

  Log() {
    {
      BuiltWriter first = built.open();
      for (int i = 0; i < 3; ++i) data.push_back(first.put(2));
    }
    BuiltWriter second = built.open();
    newest_seal = second.appender().epoch();
    for (int i = 0; i < 3; ++i) data.push_back(second.put(2));
    second.close();
    second.write_checkpoint();
  }
};

using Change = std::function<void(std::vector<std::byte>& object)>;
struct Newer {
  const char* what;
  Change change;
};
const std::vector<Newer> ways{
    {"version", [](auto& object) { object[8] = std::byte{2}; }},
    {"required flag", [](auto& object) { object[12] |= std::byte{64}; }},
};

/// Makes the checksum of an object of the chain right again.
void seal_up(std::vector<std::byte>& object) {
  format::finish_envelope(std::span(object).first(format::header_bytes));
}

std::optional<Code> read_all(const LogAddress& log) {
  const auto reader = Reader::open(log, {.give_up_ms = 2000});
  if (!reader) return reader.error().code();
  while (true) {
    const auto record = (*reader)->next();
    if (!record) return record.error().code();
    if (!*record) return std::nullopt;
  }
}

std::optional<Code> mirrored(const LogAddress& log) {
  const auto mirror =
      Mirror::open(log, {std::make_shared<object_store::MemoryStore>("copy"), "m"}, {.give_up_ms = 2000});
  if (!mirror) return mirror.error().code();
  const auto caught_up = (*mirror)->catch_up();
  return caught_up ? std::nullopt : std::optional(caught_up.error().code());
}

template <class T>
std::optional<Code> code_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code());
}

void expect_unsupported(const LogBuilder& built, bool opening_looks_there = true) {
  const LogAddress& log = built.address();
  const auto stored = built.stored();
  EXPECT_EQ(read_all(log), Code::unsupported);
  EXPECT_EQ(code_of(verify(log)), Code::unsupported);
  EXPECT_EQ(mirrored(log), Code::unsupported);
  if (opening_looks_there) {
    EXPECT_EQ(code_of(inspect(log)), Code::unsupported);
    EXPECT_EQ(code_of(plan_repair(log)), Code::unsupported);
    EXPECT_EQ(code_of(repair(log)), Code::unsupported);
    EXPECT_EQ(code_of(Writer::open(log)), Code::unsupported);
  }
  EXPECT_EQ(built.stored(), stored);
}

TEST(Newer, AnObjectNearTheEnd) {
  for (const Newer& way : ways) {
    for (const std::size_t which : {4U, 5U}) {
      SCOPED_TRACE(fmt::format("{} {}", way.what, which));
      Log log;
      std::vector<std::byte> object = log.built.load(log.data[which]);
      way.change(object);
      seal_up(object);
      log.built.replace(log.data[which], object);
      expect_unsupported(log.built, which == 5);
    }
  }
}

TEST(Newer, TheNewestSeal) {
  for (const bool checkpoint : {false, true}) {
    for (const Newer& way : ways) {
      SCOPED_TRACE(fmt::format("{} {}", way.what, checkpoint));
      Log log;
      if (!checkpoint) log.built.remove_checkpoint();
      std::vector<std::byte> object = log.built.load(log.newest_seal);
      way.change(object);
      seal_up(object);
      log.built.replace(log.newest_seal, object);
      expect_unsupported(log.built, !checkpoint);
    }
  }
}

TEST(Newer, TheCheckpoint) {
  for (const Newer& way : ways) {
    SCOPED_TRACE(way.what);
    Log log;
    const std::string key = format::checkpoint_key(log.built.address().path);
    Store& store = *log.built.address().store;
    const Bytes before = object_store::get_now(store, key).value();
    std::vector<std::byte> object(before.data.begin(), before.data.end());
    way.change(object);
    format::finish_envelope(object);
    ASSERT_TRUE(object_store::put_now(store, key, object_store::copy_bytes(object)));
    expect_unsupported(log.built);
    const Bytes after = object_store::get_now(store, key).value();
    EXPECT_TRUE(std::ranges::equal(after.data, object)) << "it was replaced";
  }
}

// Below the log's start nothing counts but for what is deleted: nothing is whose kind is not known.
TEST(Newer, WhatATrimLeavesIsKept) {
  LogBuilder built;
  BuiltWriter writer = built.open();
  for (int i = 0; i < 6; ++i) writer.put(2);
  std::vector<std::byte> object = built.load(4);
  object[8] = std::byte{2};
  seal_up(object);
  built.replace(4, object);
  writer.trim(8);
  EXPECT_EQ(read_all(built.address()), std::nullopt);
  const auto report = verify(built.address());
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->sound());
}

TEST(Newer, IsDescribedAsNewer) {
  Log log;
  std::vector<std::byte> object = log.built.load(log.data[0]);
  object[8] = std::byte{2};
  seal_up(object);
  const std::string text = describe_object(object);
  EXPECT_NE(text.find("NEWER"), std::string::npos) << text;
  EXPECT_EQ(text.find("DAMAGED"), std::string::npos) << text;
}

}  // namespace
}  // namespace varve
