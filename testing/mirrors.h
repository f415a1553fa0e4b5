// What the tests of mirrors open with: sources, places to mirror to, faults, and what is in them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "format/key.h"
#include "log/read_position.h"
#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "object_store/memory/memory_store.h"
#include "protocol/position.h"
#include "testing/faulty.h"
#include "testing/log_builder.h"
#include "varve/inspect.h"
#include "varve/mirror.h"
#include "varve/reader.h"

namespace varve {

using object_store::Fault;
using object_store::FaultyStore;
using object_store::RequestKind;
using testing::BuiltWriter;
using ::testing::HasSubstr;
using testing::LogBuilder;

/// A store in memory, for faults to be put into.
[[nodiscard]] inline std::shared_ptr<FaultyStore> faulty_store() {
  return std::make_shared<FaultyStore>(std::make_shared<object_store::MemoryStore>("there"));
}

/// An empty place.
struct ReadPosition {
  explicit ReadPosition(std::shared_ptr<Store> store = std::make_shared<object_store::MemoryStore>("there"))
      : below(std::move(store)), address{below, "copy"} {}

  std::shared_ptr<Store> below;
  LogAddress address;
};

[[nodiscard]] inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Everything that is stored under a log's objects' names, by seq.
[[nodiscard]] inline std::map<Seq, std::string> objects_of(const LogAddress& log) {
  std::map<Seq, std::string> objects;
  const auto listed = object_store::list_all_now(*log.store, format::wal_prefix(log.path));
  for (const ListedObject& object : listed.value()) {
    objects.emplace(*format::seq_of_key(log.path, object.key),
                    text_of(object_store::get_now(*log.store, object.key)->data));
  }
  return objects;
}
[[nodiscard]] inline std::map<Seq, std::string> stored_in(const ReadPosition& place) {
  return objects_of(place.address);
}

/// Those on the chain, from the start on: seqs and bytes.
[[nodiscard]] inline std::map<Seq, std::string> chain_of(const LogAddress& log) {
  const auto view = read::read_log_state(log::LogStore(log), {});
  EXPECT_TRUE(view) << view.error().message();
  std::map<Seq, std::string> chain;
  std::optional<protocol::Position> at;
  for (const auto& [seq, text] : objects_of(log)) {
    if (seq < view->lowest_live() || seq >= view->tail.seq) continue;
    const auto header = format::decode_header(std::as_bytes(std::span(text))).value();
    if (!at) at = protocol::position_of(header);
    if (seq != at->seq) continue;
    at = step(*at, header).value();
    chain.emplace(seq, text);
  }
  return chain;
}

[[nodiscard]] inline std::map<Offset, std::string> records_of(const LogAddress& log) {
  std::map<Offset, std::string> records;
  const auto reader = Reader::open(log);
  EXPECT_TRUE(reader) << reader.error().message();
  while (reader) {
    const auto record = (*reader)->next();
    EXPECT_TRUE(record) << record.error().message();
    if (!record || !*record) break;
    records.emplace((*record)->offset, text_of((*record)->data));
  }
  return records;
}

/// Mirrors what the source has; the mirror's account of it.
inline MirrorStatus copied(const testing::LogBuilder& source, const ReadPosition& destination,
                           const MirrorOptions& options = {}) {
  auto mirror = Mirror::open(source.address(), destination.address, options);
  EXPECT_TRUE(mirror) << mirror.error().message();
  if (!mirror) return {};
  const auto caught_up = (*mirror)->catch_up();
  EXPECT_TRUE(caught_up) << caught_up.error().message();
  return (*mirror)->status();
}

}  // namespace varve
