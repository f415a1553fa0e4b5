// Cursors over stores in good and bad moods.
#include "varve/cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <thread>

#include "format/cursor.h"
#include "format/envelope.h"
#include "format/key.h"
#include "object_store/blocking.h"
#include "object_store/metered.h"
#include "testing/faulty.h"
#include "testing/log_builder.h"
#include "varve/reader.h"
#include "varve/writer.h"

namespace varve {
namespace {

using object_store::Fault;
using object_store::FaultyStore;
using object_store::for_good;
using object_store::MeteredStore;
using object_store::RequestKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CursorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto writer = Writer::open(direct_);
    ASSERT_TRUE(writer);
    for (int i = 0; i < 200; ++i) ASSERT_TRUE((*writer)->append({}));
    ASSERT_TRUE((*writer)->flush());
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

TEST_F(CursorsTest, FewObjectsStayOfManyMoves) {
  Cursor copy = cursors_->set("copy", 0).value();
  for (Offset offset = 1; offset <= 50; ++offset) copy = cursors_->advance(copy, offset).value();
  EXPECT_THAT(revisions("copy"), ElementsAre(46U, 47U, 48U, 49U, 50U));
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
  for (Offset offset = 3; offset <= 9; ++offset) newer = cursors_->advance(newer, offset).value();
  ASSERT_EQ(revisions("copy").front(), newer.revision - 4) << "the sleeper's place is free";
  faulty_->release();
  sleeper.join();
  EXPECT_EQ(cursors_->get("copy")->offset, 9U);
  EXPECT_EQ(cursors_->set("copy", 10)->offset, 10U);
  EXPECT_EQ(revisions("copy").size(), 5U) << "what the sleeper left is swept";
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
  auto reader = Reader::open({metered, "log"}, {.from = 1}).value();
  ASSERT_TRUE(reader->next().value());
  const auto lists = metered->counts(RequestKind::list).started;
  const auto puts = metered->counts(RequestKind::put_if_absent).started;
  const auto gets = metered->counts(RequestKind::get).started;
  ASSERT_EQ(reader->mark()->offset, 2U);
  ASSERT_TRUE(counted.advance(first, *reader->mark()));
  EXPECT_EQ(metered->counts(RequestKind::list).started - lists, 1U);
  EXPECT_EQ(metered->counts(RequestKind::put_if_absent).started - puts, 1U);
  EXPECT_EQ(metered->counts(RequestKind::get).started - gets, 0U);
}

TEST_F(CursorsTest, NoneIsBeyondTheLogsEnd) {
  const auto far = cursors_->set("copy", 201);
  ASSERT_FALSE(far);
  EXPECT_EQ(far.error().code(), Code::out_of_range);
  EXPECT_EQ(far.error().valid_range()->end, 200U);
  const Cursor last = cursors_->set("copy", 200).value();
  EXPECT_EQ(cursors_->advance(last, 201).error().code(), Code::out_of_range);
}

/// Bytes in the place of a cursor's revision.
class BadCursorsTest : public CursorsTest {
 protected:
  void put(const std::string& name, std::uint64_t revision, std::vector<std::byte> bytes) {
    const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    ASSERT_TRUE(
        object_store::put_now(*direct_.store, format::cursor_key("log", name, revision), {*owner, owner}));
  }
  /// The cursor's object, as `spoil` leaves it, and with a checksum that holds.
  void spoil(const std::string& name, std::uint64_t revision,
             const std::function<void(std::vector<std::byte>&)>& spoil) {
    const Bytes sound =
        object_store::get_now(*direct_.store, format::cursor_key("log", name, revision)).value();
    std::vector<std::byte> bytes(sound.data.begin(), sound.data.end());
    spoil(bytes);
    put(name, revision, std::move(bytes));
  }
  /// One that is cut, one of another program, one of another log, one of a newer version, and a sound one.
  void SetUp() override {
    CursorsTest::SetUp();
    for (const char* name : {"cut", "other-log", "newer", "sound", "strange"})
      ASSERT_TRUE(cursors_->set(name, 3));
    spoil("cut", 0, [](auto& bytes) { bytes.resize(40); });
    spoil("strange", 0, [](auto& bytes) { bytes.assign(96, std::byte{'x'}); });
    spoil("newer", 0, [](auto& bytes) {
      bytes[8] = std::byte{2};
      format::finish_envelope(bytes);
    });
    spoil("other-log", 0, [](auto& bytes) {
      bytes[30] ^= std::byte{1};
      format::finish_envelope(bytes);
    });
  }
  const std::map<std::string, Code> bad_{{"cut", Code::corruption},
                                         {"newer", Code::unsupported},
                                         {"other-log", Code::foreign},
                                         {"strange", Code::foreign}};
};

TEST_F(BadCursorsTest, OneBadCursorDeniesItselfOnly) {
  const auto all = cursors_->list();
  ASSERT_TRUE(all) << all.error().message();
  ASSERT_EQ(all->size(), 5U);
  for (const Cursor& cursor : *all) {
    SCOPED_TRACE(cursor.name);
    const auto bad = bad_.find(cursor.name);
    ASSERT_EQ(cursor.problem.has_value(), bad != bad_.end());
    EXPECT_EQ(cursor.readable, bad == bad_.end());
    if (bad == bad_.end()) continue;
    EXPECT_EQ(cursor.problem->code(), bad->second);
    EXPECT_THAT(cursor.problem->message(), HasSubstr("delete " + cursor.name)) << "it says what to do";
    EXPECT_EQ(cursors_->get(cursor.name).error().code(), bad->second);
    EXPECT_EQ(cursors_->set(cursor.name, 4).error().code(), bad->second);
  }
  EXPECT_EQ(cursors_->set("sound", 5)->offset, 5U);
  EXPECT_EQ(cursors_->get("sound")->offset, 5U);
}

TEST_F(BadCursorsTest, ABadCursorIsRemovedAndMayBeginAnew) {
  const auto all = cursors_->list();
  for (const Cursor& cursor : *all) {
    SCOPED_TRACE(cursor.name);
    if (cursor.name == "cut") {
      ASSERT_TRUE(cursors_->remove(cursor)) << "as it was listed";
    } else {
      const auto removed = cursors_->remove(cursor.name);
      ASSERT_TRUE(removed) << removed.error().message();
    }
    EXPECT_EQ(cursors_->get(cursor.name).error().code(), Code::not_found);
    EXPECT_EQ(cursors_->set(cursor.name, 2)->offset, 2U);
  }
}

TEST_F(BadCursorsTest, StrangeNamesBesideACursorsRevisionsCountForNobody) {
  const Bytes stray = object_store::get_now(*direct_.store, format::cursor_key("log", "sound", 0)).value();
  for (const std::string name : {"zzz", ".nfs0001", "99999999999999999999", "18446744073709551615"}) {
    ASSERT_TRUE(object_store::put_now(*direct_.store, format::cursor_prefix("log", "sound") + name, stray));
  }
  EXPECT_EQ(cursors_->get("sound")->offset, 3U);
  EXPECT_EQ(cursors_->set("sound", 4)->offset, 4U);
  EXPECT_EQ(cursors_->advance(cursors_->get("sound").value(), 5)->offset, 5U);
  EXPECT_EQ(cursors_->get("sound")->offset, 5U);
}

/// A log of 20 records, two an object; a copy of it from when it had 10.
class RestoredLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    {
      testing::BuiltWriter writer = log_.open();
      for (int i = 0; i < 5; ++i) writer.put(2);
      writer.close();
      for (const Seq seq : log_.stored()) copy_.emplace_back(seq, log_.load(seq));
    }
    testing::BuiltWriter writer = log_.open();
    for (int i = 0; i < 5; ++i) writer.put(2);
    writer.close();
  }
  /// Puts the copy back, cursors stay, and has another writer go on with `objects` of two records.
  void restore(int objects) {
    for (const Seq seq : log_.stored()) log_.remove(seq);
    log_.remove_checkpoint();
    for (const auto& [seq, body] : copy_) log_.store({.seq = seq, .body = body});
    if (objects == 0) return;
    (void)log_.make_seal();  // the claimants of the copy are others
    testing::BuiltWriter writer = log_.open();
    for (int i = 0; i < objects; ++i) writer.put(2);
    writer.close();
  }
  [[nodiscard]] Cursors cursors() const { return Cursors::open(log_.address()).value(); }

  testing::LogBuilder log_;
  std::vector<std::pair<Seq, std::vector<std::byte>>> copy_;
};

TEST_F(RestoredLogTest, EveryCursorBehindWhereTheHistoriesPartIsTold) {
  for (Offset offset = 0; offset <= 20; ++offset)
    ASSERT_TRUE(cursors().set("at-" + std::to_string(offset), offset));
  for (const int objects : {0, 3, 8}) {
    restore(objects);
    const Offset end = 10 + 2 * static_cast<Offset>(objects);
    const auto all = cursors().list();
    ASSERT_TRUE(all) << all.error().message();
    ASSERT_EQ(all->size(), 21U);
    for (const Cursor& cursor : *all) {
      SCOPED_TRACE(cursor.name);
      const auto again = cursors().get(cursor.name);
      EXPECT_EQ(again.has_value(), cursor.offset <= 10);
      ASSERT_EQ(cursor.problem.has_value(), cursor.offset > 10);
      if (!cursor.problem) continue;
      EXPECT_EQ(cursor.problem->code(), cursor.offset > end ? Code::out_of_range : Code::foreign);
      EXPECT_EQ(again.error().code(), cursor.problem->code());
      EXPECT_FALSE(cursors().set(cursor.name, std::max(end, cursor.offset)));
    }
  }
}

TEST_F(RestoredLogTest, ItsOwnerSaysWhereItGoesOn) {
  ASSERT_TRUE(cursors().set("copy", 20));
  restore(8);
  EXPECT_FALSE(cursors().get("copy"));
  ASSERT_TRUE(cursors().remove("copy"));
  ASSERT_TRUE(cursors().set("copy", 10));
  EXPECT_EQ(cursors().set("copy", 20)->offset, 20U) << "it is of this history now";
  EXPECT_EQ(cursors().get("copy")->offset, 20U);
}

// As programs before moved them: without a mark.
TEST_F(RestoredLogTest, ACursorWithoutAMarkIsBoundByItsNextMove) {
  const LogAddress log = log_.address();
  std::vector<std::pair<Seq, std::vector<std::byte>>> whole;
  for (const Seq seq : log_.stored()) whole.emplace_back(seq, log_.load(seq));
  const Cursor marked = cursors().set("copy", 14).value();
  const std::string key = format::cursor_key(log.path, "copy", marked.revision);
  auto revision = format::decode_cursor(object_store::get_now(*log.store, key)->data).value();
  EXPECT_TRUE(revision.history());
  revision.bound = false;
  const auto owner = std::make_shared<const std::vector<std::byte>>(format::encode_cursor(revision));
  ASSERT_TRUE(object_store::put_now(*log.store, key, {*owner, owner}));
  EXPECT_EQ(cursors().get("copy")->offset, 14U);
  restore(8);
  EXPECT_EQ(cursors().get("copy")->offset, 14U) << "nothing tells";
  EXPECT_EQ(cursors().set("copy", 16)->offset, 16U);
  for (const Seq seq : log_.stored()) log_.remove(seq);
  log_.remove_checkpoint();
  for (const auto& [seq, body] : whole) log_.store({.seq = seq, .body = body});
  EXPECT_EQ(cursors().get("copy").error().code(), Code::foreign) << "of the restored copy's history";
}

TEST_F(CursorsTest, NeedALog) {
  const auto none = Cursors::open({direct_.store, "no-log"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), Code::not_found);
}

}  // namespace
}  // namespace varve
