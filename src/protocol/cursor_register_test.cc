// The register of cursors: every interleaving of movers, and the answers that a store may give.
#include "protocol/cursor_register.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace varve::protocol {
namespace {

using format::CursorRevision;
using ::testing::ElementsAre;
using Kind = CursorRequest::Kind;

format::Id id(std::uint8_t last) {
  format::Id made;
  made.bytes.back() = last;
  return made;
}

const format::Id log_id = id(1);

/// What a store holds of one cursor.
struct Objects {
  std::map<std::uint64_t, std::vector<std::byte>> stored;

  CursorReply answer(const CursorRequest& request) {
    const Error absent(Code::not_found, "nothing there");
    const auto there = stored.find(request.revision);
    switch (request.kind) {
      case Kind::list:
      case Kind::list_above: {
        CursorReply reply;
        for (const auto& [revision, bytes] : stored) {
          if (request.kind == Kind::list || revision > request.revision) reply.revisions.push_back(revision);
        }
        return reply;
      }
      case Kind::get:
        if (there == stored.end()) return {.error = absent};
        return {.bytes = there->second};
      case Kind::create:
        if (there != stored.end()) return {.error = Error(Code::already_exists, "taken")};
        stored.emplace(request.revision, request.body);
        return {};
    }
    return {};
  }
  void remove_below(const std::vector<std::uint64_t>& revisions, std::uint64_t below) {
    for (const std::uint64_t revision : revisions) {
      if (revision < below) stored.erase(revision);
    }
  }
  [[nodiscard]] std::optional<CursorRevision> newest() const {
    if (stored.empty()) return std::nullopt;
    return format::decode_cursor(stored.rbegin()->second).value();
  }
  CursorRevision put(std::uint64_t revision, Offset offset) {
    const auto made = revision_of({.log_id = log_id, .mover_id = id(99), .offset = offset}, revision);
    stored[revision] = format::encode_cursor(made);
    return made;
  }
};

/// Moves forward to `offset`, as `Cursors::set` does.
ChangeCursor::Decide forward_to(Offset offset, std::uint8_t mover) {
  return [=](const std::optional<NewestRevision>& newest) -> Result<std::optional<CursorRevision>> {
    const RevisionDraft draft{.log_id = log_id, .mover_id = id(mover), .offset = offset};
    if (!newest) return std::optional(revision_of(draft, 0));
    if (!newest->content) return newest->content.error();
    if (newest->content->offset >= offset) return std::optional<CursorRevision>();
    return std::optional(revision_of(draft, newest->revision + 1));
  };
}

/// A mover: the offsets that it sets one after the other, step by step. Deletions are steps of their own.
struct Mover {
  std::uint8_t number = 0;
  std::vector<Offset> offsets;
  std::optional<ChangeCursor> change = {};
  std::optional<CursorRequest> next = {};
  std::vector<std::uint64_t> obsolete = {};
  std::uint64_t obsolete_below = 0;

  [[nodiscard]] bool idle() const { return offsets.empty() && !change && obsolete.empty(); }

  void step(Objects& store) {
    if (!obsolete.empty()) {
      store.remove_below(std::exchange(obsolete, {}), obsolete_below);
      return;
    }
    if (!change) {
      change.emplace(log_id, forward_to(offsets.front(), number));
      next = change->start();
    }
    next = change->on(store.answer(*next));
    if (next) return;
    ASSERT_TRUE(change->result()) << change->result().error().message();
    const auto& changed = *change->result();
    // Its move stands, or somebody was there before.
    EXPECT_GE(changed.now.offset, offsets.front());
    ASSERT_TRUE(store.newest());
    EXPECT_GE(store.newest()->offset, offsets.front()) << "a move is lost";
    obsolete = changed.obsolete;
    obsolete_below = changed.now.revision;
    offsets.erase(offsets.begin());
    change.reset();
  }
};

/// Runs every order of steps. The newest revision never goes back.
void run_all(const Objects& store, const std::vector<Mover>& movers, std::uint64_t& runs) {
  bool all_idle = true;
  for (std::size_t i = 0; i < movers.size(); ++i) {
    if (movers[i].idle()) continue;
    all_idle = false;
    Objects changed = store;
    std::vector<Mover> moved = movers;
    moved[i].step(changed);
    if (store.newest()) {
      ASSERT_TRUE(changed.newest());
      ASSERT_GE(changed.newest()->offset, store.newest()->offset);
    }
    if (::testing::Test::HasFailure()) return;
    run_all(changed, moved, runs);
    if (::testing::Test::HasFailure()) return;
  }
  if (all_idle) ++runs;
}

TEST(CursorRegister, NoMoveIsLostInAnyOrderOfSteps) {
  std::uint64_t runs = 0;
  run_all({}, {{.number = 2, .offsets = {1, 3}}, {.number = 3, .offsets = {2}}}, runs);
  EXPECT_GT(runs, 1000U);
}

// One mover sleeps before its create; the other makes and deletes several revisions meanwhile.
TEST(CursorRegister, ASleepersRevisionInAPassedPlaceCountsForNobody) {
  Objects store;
  store.put(0, 1);
  MakeRevision sleeper(revision_of({.log_id = log_id, .mover_id = id(2), .offset = 100}, 1));
  const CursorRequest create = sleeper.start();
  store.stored.clear();
  store.put(3, 7);
  auto next = sleeper.on(store.answer(create));
  while (next) next = sleeper.on(store.answer(*next));
  ASSERT_TRUE(sleeper.result());
  EXPECT_FALSE(*sleeper.result());
  EXPECT_EQ(store.newest()->offset, 7U);
}

Result<bool> make(Objects& store, MakeRevision machine, int false_alarms) {
  std::optional<CursorRequest> next = machine.start();
  while (next) {
    if (next->kind == Kind::create && false_alarms > 0) {
      --false_alarms;
      next = machine.on({.error = Error(Code::already_exists, "taken, it says")});
    } else {
      next = machine.on(store.answer(*next));
    }
  }
  return machine.result();
}

// A create in flight that comes to nothing makes some stores say "exists" to another.
TEST(CursorRegister, ExistsAndThenNothingIsAFalseAlarm) {
  const auto wanted = revision_of({.log_id = log_id, .mover_id = id(2), .offset = 5}, 4);
  for (const int alarms : {1, 2, 7}) {
    Objects store;
    store.put(3, 1);
    const auto made = make(store, MakeRevision(wanted), alarms);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_TRUE(*made) << "nobody else has moved it";
    EXPECT_EQ(store.newest(), wanted);
  }
  Objects store;
  store.put(3, 1);
  EXPECT_EQ(make(store, MakeRevision(wanted), 1000).error().code(), Code::unavailable);
}

TEST(CursorRegister, ExistsAndThenNothingBesideALaterRevisionIsALostRace) {
  Objects store;
  store.put(6, 9);
  const auto wanted = revision_of({.log_id = log_id, .mover_id = id(2), .offset = 5}, 4);
  const auto made = make(store, MakeRevision(wanted), 1);
  ASSERT_TRUE(made);
  EXPECT_FALSE(*made);
  EXPECT_FALSE(store.stored.contains(4));
}

TEST(CursorRegister, ItsOwnEarlierTryIsRecognized) {
  Objects store;
  const auto wanted = revision_of({.log_id = log_id, .mover_id = id(2), .offset = 5, .history = 77}, 0);
  store.stored[0] = format::encode_cursor(wanted);
  EXPECT_TRUE(make(store, MakeRevision(wanted), 0).value());
  auto another = wanted;
  another.mover_id = id(3);
  EXPECT_FALSE(make(store, MakeRevision(another), 0).value());
}

TEST(CursorRegister, ARevisionThatCannotBeReadIsSomebodyElses) {
  Objects store;
  store.stored[0] = {std::byte{1}, std::byte{2}};
  EXPECT_FALSE(make(store, MakeRevision(revision_of({.log_id = log_id, .mover_id = id(2)}, 0)), 0).value());
}

Result<std::optional<NewestRevision>> find(Objects& store, std::vector<std::uint64_t> listed = {}) {
  FindNewestRevision machine(log_id, std::move(listed));
  std::optional<CursorRequest> next = machine.start();
  while (next) next = machine.on(store.answer(*next));
  return machine.result();
}

TEST(CursorRegister, WhatWasListedAndIsGoneIsLookedForAgain) {
  Objects store;
  EXPECT_FALSE(find(store)->has_value());
  store.put(8, 80);
  const auto found = find(store, {3, 4});
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->content->offset, 80U);
  EXPECT_THAT((*found)->listed, ElementsAre(8U));
}

TEST(CursorRegister, WhatCannotBeReadIsToldAsContent) {
  Objects store;
  store.stored[4] = {std::byte{1}};
  EXPECT_EQ((*find(store))->content.error().code(), Code::corruption);
  EXPECT_EQ((*find(store))->revision, 4U);
  store.stored[5] = format::encode_cursor(revision_of({.log_id = id(9)}, 5));
  EXPECT_EQ((*find(store))->content.error().code(), Code::foreign);
  store.stored[6] = format::encode_cursor(revision_of({.log_id = log_id}, 5));
  EXPECT_EQ((*find(store))->content.error().code(), Code::corruption);
}

}  // namespace
}  // namespace varve::protocol
