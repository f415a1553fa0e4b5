#include "protocol/mirroring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/takeover.h"
#include "testing/mirror_rig.h"

namespace varve::protocol {
namespace {

using format::Header;
using Kind = CopyCommand::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint32_t window = 3;

Error taken() { return {Code::already_exists, "taken"}; }
Error nothing_there() { return {Code::not_found, "nothing there"}; }
Error refused() { return Error(Code::denied, "no").with_outcome(WriteOutcome::not_written); }

struct MirroringTest : testing::Test {
  MirroringTest() { chain.data(1); }

  /// A mirror that has copied the seal, 0, and the first object, 3.
  Mirroring begun() {
    MirroringStart start{.next = {}, .history = chain.history(), .state = {}};
    start.next = step(position_of(first()), first()).value();
    start.anchor = first().seq;
    start.state.source = "s3://there/log";
    return Mirroring(start, {.checkpoint_every_objects = 100, .retry = {}});
  }
  const Header& first() { return chain.headers()[1]; }
  /// Offers what comes next at the source; as if it was not there, which is the common case.
  Header offer(Mirroring& mirror, const Header& object) {
    EXPECT_TRUE(mirror.can_offer());
    const auto offered = mirror.offer(object, 0);
    EXPECT_TRUE(offered) << offered.error().message();
    return object;
  }
  std::vector<CopyCommand> put_after_look(Mirroring& mirror) {
    std::vector<CopyCommand> commands;
    for (const CopyCommand& command : mirror.take_commands()) {
      if (command.kind == Kind::look) {
        mirror.on_look(command.seq, nothing_there(), 0);
      } else {
        commands.push_back(command);
      }
    }
    for (const CopyCommand& command : mirror.take_commands()) commands.push_back(command);
    return commands;
  }

  TestLog source;
  TestChain chain{source, window};
};

TEST_F(MirroringTest, PutsAWindowFullAndNoMore) {
  for (int i = 0; i < 5; ++i) chain.data(1);
  Mirroring mirror = begun();
  const Header a = offer(mirror, chain.headers()[2]);
  const Header b = offer(mirror, chain.headers()[3]);
  const Header c = offer(mirror, chain.headers()[4]);
  EXPECT_FALSE(mirror.can_offer());
  EXPECT_THAT(put_after_look(mirror),
              ElementsAre(CopyCommand{Kind::put, a.seq}, CopyCommand{Kind::put, b.seq},
                          CopyCommand{Kind::put, c.seq}));
  mirror.on_put(c.seq, {}, 0);
  EXPECT_FALSE(mirror.can_offer());
  EXPECT_EQ(mirror.copied_offset(), 1U);
  mirror.on_put(a.seq, {}, 0);
  EXPECT_TRUE(mirror.can_offer());
  EXPECT_EQ(mirror.copied_offset(), 2U);
  mirror.on_put(b.seq, {}, 0);
  EXPECT_EQ(mirror.copied_offset(), 4U);
  EXPECT_EQ(mirror.anchor(), c.seq);
}

TEST_F(MirroringTest, ASealGoesWhenAllBeforeItIsStoredAndHoldsBackWhatFollows) {
  chain.data(1);
  chain.seal(2);
  chain.data(1);
  Mirroring mirror = begun();
  const Header data = offer(mirror, chain.headers()[2]);
  const Header seal = offer(mirror, chain.headers()[3]);
  EXPECT_THAT(put_after_look(mirror), ElementsAre(CopyCommand{Kind::put, data.seq}));
  EXPECT_FALSE(mirror.can_offer());
  mirror.on_put(data.seq, {}, 0);
  EXPECT_THAT(put_after_look(mirror),
              ElementsAre(CopyCommand{Kind::copied, data.seq}, CopyCommand{Kind::put, seal.seq}));
  EXPECT_FALSE(mirror.can_offer());
  mirror.on_put(seal.seq, {}, 0);
  EXPECT_THAT(mirror.take_commands(),
              ElementsAre(CopyCommand{Kind::copied, seal.seq}, CopyCommand{Kind::checkpoint}));
  EXPECT_FALSE(mirror.can_offer()) << "the destination does not know the epoch yet";
  EXPECT_EQ(mirror.checkpoint().history.back().seal, seal.seq);
  mirror.on_checkpoint({}, 0);
  EXPECT_TRUE(mirror.can_offer());
  EXPECT_EQ(mirror.next().seq, seal.seq + window);
}

TEST_F(MirroringTest, AnEpochIsNotGoneOnWithUntilACheckpointThatKnowsItIsStored) {
  chain.seal(2);
  Mirroring mirror = begun();
  const Header seal = offer(mirror, chain.headers()[2]);
  put_after_look(mirror);
  mirror.on_put(seal.seq, {}, 0);
  static_cast<void>(mirror.take_commands());
  mirror.on_checkpoint(refused(), 0);
  EXPECT_FALSE(mirror.can_offer());
  EXPECT_EQ(mirror.complaint()->code(), Code::denied);
  mirror.tick(100'000);
  EXPECT_THAT(mirror.take_commands(), ElementsAre(CopyCommand{Kind::checkpoint}));
  mirror.on_checkpoint({}, 100'000);
  EXPECT_TRUE(mirror.can_offer());
  EXPECT_FALSE(mirror.complaint());
}

TEST_F(MirroringTest, WhatIsThereAlreadyIsItselfWhenTheHeaderIsTheSame) {
  const Header object = chain.data(1);
  Mirroring mirror = begun();
  offer(mirror, object);
  put_after_look(mirror);
  mirror.on_put(object.seq, taken(), 0);
  EXPECT_THAT(mirror.take_commands(), ElementsAre(CopyCommand{Kind::look, object.seq}));
  mirror.on_look(object.seq, object, 0);
  EXPECT_THAT(mirror.take_commands(), ElementsAre(CopyCommand{Kind::copied, object.seq}));
}

TEST_F(MirroringTest, ADestinationThatSomebodyElseWroteToIsAnErrorAndNoMerge) {
  const Header object = chain.data(1);
  Header other = object;
  other.writer_id = test_id(66);
  Mirroring mirror = begun();
  offer(mirror, object);
  put_after_look(mirror);
  mirror.on_put(object.seq, taken(), 0);
  static_cast<void>(mirror.take_commands());
  mirror.on_look(object.seq, other, 0);
  ASSERT_TRUE(mirror.ending());
  EXPECT_EQ(mirror.ending()->code(), Code::foreign);
  EXPECT_THAT(mirror.ending()->message(), HasSubstr("object 4 (offset 1)"));
  EXPECT_FALSE(mirror.can_offer());
}

TEST_F(MirroringTest, ADeniedOrFullDestinationIsWaitedFor) {
  const Header object = chain.data(1);
  Mirroring mirror = begun();
  offer(mirror, object);
  put_after_look(mirror);
  for (const Code code : {Code::denied, Code::no_space, Code::unavailable}) {
    mirror.on_put(object.seq, Error(code, "not now"), 0);
    EXPECT_EQ(mirror.complaint()->code(), code);
    ASSERT_TRUE(mirror.next_tick_ms());
    mirror.tick(1'000'000);
    EXPECT_THAT(mirror.take_commands(), ElementsAre(CopyCommand{Kind::put, object.seq}));
  }
  mirror.on_put(object.seq, {}, 0);
  EXPECT_FALSE(mirror.complaint());
  EXPECT_EQ(mirror.copied_offset(), 2U);
  mirror.on_put(object.seq, Error(Code::unsupported, "never"), 0);
  EXPECT_FALSE(mirror.ending()) << "nobody asked any more";
}

TEST_F(MirroringTest, GivesUpWhenItIsToldTo) {
  const Header object = chain.data(1);
  MirroringStart start{.next = {}, .history = chain.history(), .state = {}};
  start.next = step(position_of(first()), first()).value();
  start.anchor = first().seq;
  Mirroring mirror(start, {.give_up_ms = 500, .retry = {}});
  offer(mirror, object);
  put_after_look(mirror);
  mirror.on_put(object.seq, refused(), 0);
  mirror.tick(499);
  EXPECT_FALSE(mirror.ending());
  mirror.tick(500);
  ASSERT_TRUE(mirror.ending());
  EXPECT_EQ(mirror.ending()->code(), Code::unavailable);
}

TEST_F(MirroringTest, SweepsWhatTheSourceTrimmedOnceItsOwnCheckpointNamesNothingOfIt) {
  const Header a = chain.data(1);
  chain.data(1);
  chain.trim_to(3);
  const Header tells = chain.data(1);
  Mirroring mirror = begun();
  offer(mirror, a);
  offer(mirror, chain.headers()[3]);
  offer(mirror, tells);
  EXPECT_EQ(put_after_look(mirror).size(), 2U) << "what tells of the trim waits for what that leaves";
  mirror.on_put(a.seq, {}, 0);
  EXPECT_THAT(put_after_look(mirror),
              ElementsAre(CopyCommand{Kind::copied, a.seq}, CopyCommand{Kind::put, tells.seq}));
  mirror.on_put(chain.headers()[3].seq, {}, 0);
  static_cast<void>(mirror.take_commands());
  mirror.on_put(tells.seq, {}, 0);
  EXPECT_THAT(mirror.take_commands(),
              ElementsAre(CopyCommand{Kind::copied, tells.seq}, CopyCommand{Kind::checkpoint}));
  EXPECT_EQ(mirror.sweep_below(), 0U) << "the checkpoint that is stored names what would go";
  mirror.on_checkpoint({}, 0);
  EXPECT_EQ(mirror.sweep_below(), chain.headers()[3].seq);
  mirror.swept(mirror.sweep_below());
  EXPECT_EQ(mirror.swept_below(), chain.headers()[3].seq);
  EXPECT_EQ(mirror.state().begins_offset, 2U);
}

TEST_F(MirroringTest, KeepsWhatItIsToldToKeep) {
  const Header a = chain.data(1);
  chain.trim_to(2);
  const Header tells = chain.data(1);
  MirroringStart start{.next = {}, .history = chain.history(), .state = {}};
  start.next = step(position_of(first()), first()).value();
  start.anchor = first().seq;
  start.state.keeps = true;
  Mirroring mirror(start, {.retry = {}});
  for (const Header& object : {a, tells}) {
    offer(mirror, object);
    put_after_look(mirror);
    mirror.on_put(object.seq, {}, 0);
  }
  EXPECT_EQ(mirror.sweep_below(), 0U);
  EXPECT_EQ(mirror.state().begins_offset, 0U);
  mirror.want_checkpoint();
  mirror.on_checkpoint({}, 0);
  EXPECT_EQ(mirror.sweep_below(), 0U);
}

TEST_F(MirroringTest, WhatDoesNotContinueTheLogIsNotTaken) {
  const Header object = chain.data(1);
  Header other = object;
  other.previous_hash ^= 1;
  Mirroring mirror = begun();
  EXPECT_FALSE(mirror.offer(other, 0));
  EXPECT_THAT(mirror.take_commands(), IsEmpty());
  other = object;
  other.log_id = test_id(99);
  EXPECT_EQ(mirror.offer(other, 0).error().code(), Code::foreign);
  EXPECT_TRUE(mirror.offer(object, 0));
}

/// As a program would: a promotion is noted before its seal is put.
Result<Ownership> claim(TestLog& log, Purpose purpose) {
  static std::uint64_t number = 50;
  const format::Id writer = test_id(++number);
  if (purpose == Purpose::promote) log.promotions.push_back(writer);
  Takeover takeover({.writer_id = writer, .new_log_id = {}, .host = "h", .purpose = purpose});
  drive(log, takeover.start(1), [&](const Reply& reply) { return takeover.on(reply, 1); });
  return takeover.result();
}

TEST_F(MirroringTest, TheWritersOpenRefusesAMirrorAndARetiredLog) {
  TestLog destination;
  MirrorRig rig(source, destination);
  std::minstd_rand random(1);
  rig.start();
  for (int i = 0; i < 50; ++i) {
    rig.offer();
    rig.answer(random, false);
  }
  const auto stored = destination.objects;
  for (const Purpose purpose : {Purpose::write, Purpose::retire}) {
    const auto refused_here = claim(destination, purpose);
    ASSERT_FALSE(refused_here);
    EXPECT_EQ(refused_here.error().code(), Code::fenced);
  }
  EXPECT_EQ(destination.objects, stored);
  ASSERT_TRUE(claim(source, Purpose::retire));
  EXPECT_TRUE(view_of(source).retired());
  const auto refused_there = claim(source, Purpose::write);
  ASSERT_FALSE(refused_there);
  EXPECT_THAT(refused_there.error().message(), HasSubstr("goes on in a mirror"));
  ASSERT_TRUE(claim(destination, Purpose::promote));
  EXPECT_FALSE(view_of(destination).mirror) << "though the checkpoint still says so";
  EXPECT_TRUE(claim(destination, Purpose::write));
  ASSERT_TRUE(claim(source, Purpose::promote));
  EXPECT_TRUE(claim(source, Purpose::write));
}

// What is in it says that it was promoted: that was the log it is a copy of.
TEST_F(MirroringTest, TheWritersOpenRefusesACopyOfAPromotedLogThatDoesNotSayItIsAMirror) {
  ASSERT_TRUE(claim(source, Purpose::retire));
  ASSERT_TRUE(claim(source, Purpose::promote));
  TestLog copy;
  for (const bool seals_after : {false, true}) {
    copy.objects = source.objects;
    for (const Purpose purpose : {Purpose::write, Purpose::retire}) {
      const auto refused = claim(copy, purpose);
      ASSERT_FALSE(refused) << seals_after;
      EXPECT_EQ(refused.error().code(), Code::fenced);
    }
    EXPECT_EQ(copy.objects, source.objects);
    EXPECT_TRUE(claim(source, Purpose::write)) << "it was promoted itself";
  }
}

}  // namespace
}  // namespace varve::protocol
