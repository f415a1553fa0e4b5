// Cursors over stores in good and bad moods.
#include "varve/cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "format/cursor.h"
#include "format/key.h"
#include "object_store/blocking.h"
#include "object_store/metered.h"
#include "testing/faulty.h"
#include "varve/writer.h"

namespace varve {
namespace {

using object_store::Fault;
using object_store::FaultyStore;
using object_store::for_good;
using object_store::MeteredStore;
using object_store::RequestKind;
using testing::ElementsAre;
using testing::HasSubstr;

class CursorsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Writer::open(direct_));
    cursors_.emplace(open(direct_));
  }

  static Cursors open(const LogAddress& log) { return Cursors::open(log).value(); }

  /// The revisions that the store holds of one cursor.
  [[nodiscard]] std::vector<std::uint64_t> revisions(const std::string& name) const {
    metered_->wait_for_answers();  // a cursor that has moved doesn't wait for its old places to be deleted
    std::vector<std::uint64_t> all;
    const auto listed = object_store::list_all_now(*direct_.store, format::cursor_prefix("log", name));
    for (const ListedObject& object : *listed)
      all.push_back(format::parse_cursor_key("log", object.key)->revision);
    return all;
  }

  const std::shared_ptr<MeteredStore> metered_ =
      std::make_shared<MeteredStore>(resolve("mem://cursors-test/log").value().store);
  const LogAddress direct_{metered_, "log"};
  const std::shared_ptr<FaultyStore> faulty_ = std::make_shared<FaultyStore>(direct_.store);
  const LogAddress through_faults_{faulty_, "log"};
  std::optional<Cursors> cursors_;
};

TEST_F(CursorsTest, IsWhereItWasSet) {
  EXPECT_EQ(cursors_->get("copy").error().code(), Code::not_found);
  ASSERT_TRUE(cursors_->set("copy", 7));
  const auto copy = cursors_->get("copy");
  ASSERT_TRUE(copy) << copy.error().message();
  EXPECT_EQ(copy->name, "copy");
  EXPECT_EQ(copy->offset, 7U);
  EXPECT_GT(copy->moved_unix_ms, 0);
}

TEST_F(CursorsTest, MovesForwardOnly) {
  ASSERT_TRUE(cursors_->set("copy", 7));
  const auto back = cursors_->set("copy", 6);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code(), Code::out_of_range);
  EXPECT_EQ(back.error().valid_range()->begin, 7U);
  EXPECT_EQ(cursors_->set("copy", 8)->offset, 8U);
  EXPECT_EQ(cursors_->get("copy")->offset, 8U);
}

TEST_F(CursorsTest, WhereItStandsAlreadyNothingIsWritten) {
  const auto first = cursors_->set("copy", 7);
  const auto again = cursors_->set("copy", 7);
  EXPECT_EQ(again->revision, first->revision);
  EXPECT_EQ(cursors_->advance(*first, 7)->revision, first->revision);
}

TEST_F(CursorsTest, OneObjectStaysOfManyMoves) {
  Cursor copy = cursors_->set("copy", 0).value();
  for (Offset offset = 1; offset <= 50; ++offset) copy = cursors_->advance(copy, offset).value();
  EXPECT_THAT(revisions("copy"), ElementsAre(50U));
}

TEST_F(CursorsTest, AreListedByName) {
  EXPECT_TRUE(cursors_->list()->empty());
  for (const char* name : {"b", "a", "c"}) ASSERT_TRUE(cursors_->set(name, 1));
  ASSERT_TRUE(cursors_->remove("b"));
  std::vector<std::string> names;
  const auto all = cursors_->list();
  for (const Cursor& cursor : *all) names.push_back(cursor.name);
  EXPECT_THAT(names, ElementsAre("a", "c"));
}

TEST_F(CursorsTest, ARemovedOneIsGoneAndMayBeginAnew) {
  const Cursor before = cursors_->set("copy", 7).value();
  ASSERT_TRUE(cursors_->remove("copy"));
  EXPECT_EQ(cursors_->get("copy").error().code(), Code::not_found);
  EXPECT_EQ(cursors_->advance(before, 8).error().code(), Code::fenced) << "it does not come back by itself";
  EXPECT_TRUE(cursors_->remove("copy")) << "gone is gone";
  EXPECT_TRUE(cursors_->remove("never-was"));
  EXPECT_EQ(cursors_->set("copy", 3)->offset, 3U) << "anew, so anywhere";
  EXPECT_GT(cursors_->get("copy")->revision, before.revision);
}

TEST_F(CursorsTest, WhoLostACursorIsTold) {
  const Cursor mine = cursors_->set("copy", 1).value();
  ASSERT_TRUE(cursors_->set("copy", 2));
  const auto late = cursors_->advance(mine, 3);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Code::fenced);
  EXPECT_THAT(late.error().message(), HasSubstr("copy"));
  EXPECT_EQ(cursors_->get("copy")->offset, 2U);
}

// Its object is created in a place that newer moves have left behind and deleted.
TEST_F(CursorsTest, IsRemovedOnlyAsItWasSeen) {
  const Cursor seen = cursors_->set("copy", 7).value();
  const Cursor moved = cursors_->set("copy", 8).value();
  EXPECT_EQ(cursors_->remove(seen).error().code(), Code::fenced);
  EXPECT_EQ(cursors_->get("copy")->offset, 8U);
  ASSERT_TRUE(cursors_->remove(moved));
  EXPECT_EQ(cursors_->get("copy").error().code(), Code::not_found);
  EXPECT_EQ(revisions("copy").size(), 1U);
}

TEST_F(CursorsTest, ASleeperThatLandsInAPassedPlaceIsToldAndMovesNothing) {
  const Cursors slow = open(through_faults_);
  const Cursor mine = cursors_->set("copy", 1).value();
  faulty_->add({.request = RequestKind::put_if_absent, .fault = Fault::hold_request});
  std::thread sleeper([&] {
    const auto late = slow.advance(mine, 100);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), Code::fenced);
  });
  faulty_->wait_for_held(1);
  Cursor newer = cursors_->advance(mine, 2).value();
  for (const Offset offset : {3U, 4U}) newer = cursors_->advance(newer, offset).value();
  ASSERT_THAT(revisions("copy"), ElementsAre(newer.revision)) << "the sleeper's place is free";
  faulty_->release();
  sleeper.join();
  EXPECT_EQ(cursors_->get("copy")->offset, 4U);
  EXPECT_EQ(cursors_->set("copy", 5)->offset, 5U);
  EXPECT_EQ(revisions("copy").size(), 1U) << "what the sleeper left is swept";
}

TEST_F(CursorsTest, AnAnswerThatIsLostIsFoundOut) {
  const Cursors unlucky = open(through_faults_);
  faulty_->add({.request = RequestKind::put_if_absent, .fault = Fault::lose_answer});
  const auto first = unlucky.set("copy", 1);
  ASSERT_TRUE(first) << first.error().message();
  faulty_->add({.request = RequestKind::put_if_absent, .fault = Fault::lose_answer});
  const auto second = unlucky.advance(*first, 2);
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(second->revision, first->revision + 1);
}

TEST_F(CursorsTest, BadMomentsPass) {
  const Cursors unlucky = open(through_faults_);
  for (const RequestKind kind : {RequestKind::put_if_absent, RequestKind::get, RequestKind::list}) {
    faulty_->add({.request = kind, .fault = Fault::fail, .times = 2});
  }
  EXPECT_EQ(unlucky.set("copy", 1)->offset, 1U);
  EXPECT_EQ(unlucky.get("copy")->offset, 1U);
}

TEST_F(CursorsTest, ASilentStoreEndsInTime) {
  const auto impatient = Cursors::open(through_faults_, {.give_up_ms = 50});
  ASSERT_TRUE(impatient) << impatient.error().message();
  faulty_->add({.request = RequestKind::put_if_absent, .fault = Fault::fail, .times = for_good});
  const auto moved = impatient->set("copy", 1);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code(), Code::timed_out) << moved.error().message();
}

TEST_F(CursorsTest, ManyMoversLoseNoMove) {
  constexpr int movers = 4;
  constexpr Offset moves_each = 25;
  {
    std::vector<std::jthread> threads;
    for (Offset mover = 0; mover < movers; ++mover) {
      threads.emplace_back([&, mover] {
        for (Offset i = 0; i < moves_each; ++i) {
          const Offset wanted = i * movers + mover + 1;
          const auto moved = cursors_->set("copy", wanted);
          EXPECT_TRUE(moved || moved.error().code() == Code::out_of_range);
        }
      });
    }
  }
  EXPECT_EQ(cursors_->get("copy")->offset, moves_each * movers);
}

TEST_F(CursorsTest, BadNamesAreAnswered) {
  for (const std::string& name : {std::string(), std::string("."), std::string("../x"), std::string("a/b"),
                                  std::string("ä"), std::string(129, 'x'), std::string(1, '\0')}) {
    EXPECT_EQ(cursors_->set(name, 1).error().code(), Code::invalid_argument) << name;
    EXPECT_EQ(cursors_->get(name).error().code(), Code::invalid_argument) << name;
    EXPECT_EQ(cursors_->remove(name).error().code(), Code::invalid_argument) << name;
  }
  EXPECT_TRUE(cursors_->set(std::string(128, 'x'), 1));
}

TEST_F(CursorsTest, ACursorOfAnotherLogIsForeign) {
  ASSERT_TRUE(cursors_->set("copy", 9));
  const LogAddress other{direct_.store, "other"};
  ASSERT_TRUE(Writer::open(other));
  const auto object = object_store::get_now(*direct_.store, format::cursor_key("log", "copy", 0));
  ASSERT_TRUE(object_store::put_now(*direct_.store, format::cursor_key("other", "copy", 0), *object));
  EXPECT_EQ(open(other).get("copy").error().code(), Code::foreign);
}

TEST_F(CursorsTest, EveryFlippedBitIsFound) {
  ASSERT_TRUE(cursors_->set("copy", 9));
  const std::string key = format::cursor_key("log", "copy", 0);
  const Bytes sound = object_store::get_now(*direct_.store, key).value();
  for (std::size_t bit = 0; bit < sound.data.size() * 8; ++bit) {
    std::vector<std::byte> damaged(sound.data.begin(), sound.data.end());
    damaged[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(format::decode_cursor(damaged)) << bit;
  }
  for (std::size_t bytes = 0; bytes < sound.data.size(); ++bytes) {
    EXPECT_FALSE(format::decode_cursor(sound.data.first(bytes))) << bytes;
  }
  EXPECT_EQ(format::decode_cursor(sound.data)->offset, 9U);
}

TEST_F(CursorsTest, CostsWhatItSays) {
  const auto metered = std::make_shared<object_store::MeteredStore>(direct_.store);
  const Cursors counted = open({metered, "log"});
  const Cursor first = counted.set("copy", 1).value();
  const auto lists = metered->counts(RequestKind::list).started;
  const auto puts = metered->counts(RequestKind::put_if_absent).started;
  const auto gets = metered->counts(RequestKind::get).started;
  ASSERT_TRUE(counted.advance(first, 2));
  EXPECT_EQ(metered->counts(RequestKind::list).started - lists, 1U);
  EXPECT_EQ(metered->counts(RequestKind::put_if_absent).started - puts, 1U);
  EXPECT_EQ(metered->counts(RequestKind::get).started - gets, 0U);
}

TEST_F(CursorsTest, NeedALog) {
  const auto none = Cursors::open({direct_.store, "no-log"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), Code::not_found);
}

}  // namespace
}  // namespace varve
