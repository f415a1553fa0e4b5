// Promotion: what may be acknowledged where, before and after, and what becomes of the old source.
#include "testing/mirrors.h"
#include "varve/writer.h"

namespace varve {
namespace {

Offset append_to(const LogAddress& log) {
  auto writer = Writer::open(log);
  EXPECT_TRUE(writer) << writer.error().message();
  if (!writer) return UINT64_MAX;
  const Offset offset = (*writer)->append({}).value();
  EXPECT_TRUE((*writer)->close());
  return offset;
}

TEST(Promotion, WithTheSourceLosesNothingAndSealsIt) {
  LogBuilder source;
  const auto writer = Writer::open(source.address()).value();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(writer->append({}));
  ASSERT_TRUE(writer->flush());
  const ReadPosition destination;
  copied(source, destination);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer->append({}));
  ASSERT_TRUE(writer->flush());

  const auto done = promote(destination.address, {.source = source.address()});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_TRUE(done->done);
  EXPECT_TRUE(done->source_sealed);
  EXPECT_EQ(done->end_offset, 8U);
  ASSERT_TRUE(writer->append({}));
  EXPECT_EQ(writer->flush().error().code(), Code::fenced);
  EXPECT_EQ(Writer::open(source.address()).error().code(), Code::fenced)
      << "nor does a new one acknowledge there";
  EXPECT_EQ(append_to(destination.address), 8U);
  EXPECT_EQ(records_of(destination.address).size(), 9U);
  EXPECT_TRUE(verify(destination.address)->findings.empty());

  const auto again = promote(destination.address, {.source = source.address()});
  EXPECT_TRUE(again && again->done) << "once is enough";
  EXPECT_EQ(append_to(destination.address), 9U);
}

TEST(Promotion, WithoutTheSourceWantsTheWord) {
  LogBuilder source;
  BuiltWriter writer = source.open();
  writer.put(5);
  const ReadPosition destination;
  copied(source, destination);
  writer.put(2);
  const auto stored = stored_in(destination);
  for (const std::optional<Offset> word : {std::optional<Offset>(), std::optional<Offset>(4)}) {
    const auto refused = promote(destination.address, {.accept_loss_after = word});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::out_of_range);
    EXPECT_THAT(refused.error().message(), HasSubstr("--accept-loss-after 5"));
    EXPECT_EQ(stored_in(destination), stored);
  }
  const auto done = promote(destination.address, {.accept_loss_after = 5});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(append_to(destination.address), 5U);
}

TEST(Promotion, WhatWasPromotedIsMirroredLikeAnyLog) {
  LogBuilder source;
  source.open().put(5);
  const ReadPosition destination;
  copied(source, destination);
  const ReadPosition third(std::make_shared<object_store::MemoryStore>("third"));
  auto follower = Mirror::open(destination.address, third.address);
  ASSERT_TRUE(follower) << follower.error().message();
  ASSERT_TRUE((*follower)->catch_up());
  ASSERT_TRUE(promote(destination.address, {.source = source.address()}));
  append_to(destination.address);
  ASSERT_TRUE((*follower)->catch_up());
  EXPECT_EQ(chain_of(third.address), chain_of(destination.address));
  EXPECT_EQ(Writer::open(third.address).error().code(), Code::fenced);
  ASSERT_TRUE(promote(third.address, {.source = destination.address}));
  EXPECT_EQ(append_to(third.address), 6U);
}

TEST(Promotion, TheOldSourceCanBeAttachedWhenItIsABeginning) {
  LogBuilder source;
  source.open().put(5);
  const ReadPosition destination;
  copied(source, destination);
  ASSERT_TRUE(promote(destination.address, {.source = source.address()}));
  append_to(destination.address);
  const auto unasked = Mirror::open(destination.address, source.address());
  EXPECT_EQ(unasked.error().code(), Code::fenced) << unasked.error().message();
  auto back = Mirror::open(destination.address, source.address(), {.attach = true});
  ASSERT_TRUE(back) << back.error().message();
  ASSERT_TRUE((*back)->catch_up());
  EXPECT_EQ(chain_of(source.address()), chain_of(destination.address));
  EXPECT_TRUE(verify(source.address())->findings.empty());
  EXPECT_EQ(Writer::open(source.address()).error().code(), Code::fenced);
  EXPECT_EQ(Mirror::open(source.address(), destination.address, {.attach = true}).error().code(),
            Code::invalid_argument)
      << "two mirrors of each other";
  // And back, and back again.
  ASSERT_TRUE(promote(source.address(), {.source = destination.address}));
  EXPECT_EQ(append_to(source.address()), 6U);
  auto again = Mirror::open(source.address(), destination.address, {.attach = true});
  ASSERT_TRUE(again) << again.error().message();
  ASSERT_TRUE((*again)->catch_up());
  EXPECT_EQ(Writer::open(destination.address).error().code(), Code::fenced);
  ASSERT_TRUE(promote(destination.address, {.source = source.address()}));
  EXPECT_EQ(append_to(destination.address), 7U);
}

TEST(Promotion, AnOldSourceThatWentOnIsShownWhereItParts) {
  LogBuilder source;
  BuiltWriter writer = source.open();
  for (int i = 0; i < 4; ++i) writer.put(2);
  const ReadPosition destination;
  copied(source, destination);
  for (int i = 0; i < 6; ++i) writer.put(1);
  ASSERT_TRUE(promote(destination.address, {.accept_loss_after = 8}));
  append_to(destination.address);
  const auto stored = source.stored();
  const auto back = Mirror::open(destination.address, source.address(), {.attach = true});
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code(), Code::foreign);
  EXPECT_THAT(back.error().message(), HasSubstr("part at object 8: there it is of writer"));
  EXPECT_THAT(back.error().message(), HasSubstr("offset 8"));
  EXPECT_EQ(source.stored(), stored);
  // Nor does a mirror that still runs merge anything.
  EXPECT_EQ(Mirror::open(source.address(), destination.address).error().code(), Code::fenced);
}

// The old source at each step of becoming a mirror: at none does it pass for the log that was promoted.
TEST(Promotion, AnAttachedMirrorCutOffAnywhereIsNoSecondOwner) {
  for (const RequestKind kind :
       {RequestKind::put_if_absent, RequestKind::put, RequestKind::get, RequestKind::list}) {
    for (const Fault fault : {Fault::fail, Fault::lose_answer}) {
      for (std::uint64_t k = 0; k < 10; ++k) {
        SCOPED_TRACE(::testing::Message()
                     << static_cast<int>(kind) << ' ' << static_cast<int>(fault) << ' ' << k);
        const auto below = faulty_store();
        LogBuilder source({below, "log"}, 4);
        source.open().put(5);
        const ReadPosition destination;
        copied(source, destination);
        ASSERT_TRUE(promote(destination.address, {.source = source.address()}));
        append_to(destination.address);
        below->add({.request = kind, .fault = fault, .skip = k, .times = object_store::for_good});
        const MirrorOptions attach{.attach = true, .give_up_ms = 5};
        bool through = false;
        if (auto mirror = Mirror::open(destination.address, source.address(), attach)) {
          through = (*mirror)->catch_up().has_value();
        }
        below->heal();
        ASSERT_EQ(Writer::open(source.address()).error().code(), Code::fenced);
        ASSERT_FALSE(promote(source.address()));
        ASSERT_EQ(Writer::open(source.address()).error().code(), Code::fenced);
        auto mirror = Mirror::open(destination.address, source.address(), {.attach = true});
        ASSERT_TRUE(mirror) << mirror.error().message();
        ASSERT_TRUE((*mirror)->catch_up());
        ASSERT_EQ(chain_of(source.address()), chain_of(destination.address));
        ASSERT_EQ(append_to(destination.address), 6U);
        if (through) break;
      }
    }
  }
}

// What says that it is a mirror is a hint that can be lost, or be overwritten by what a dead mirror had sent.
TEST(Promotion, AnAttachedMirrorWithoutItsCheckpointIsNoSecondOwner) {
  LogBuilder source;
  source.open().put(5);
  const ReadPosition destination;
  copied(source, destination);
  ASSERT_TRUE(promote(destination.address, {.source = source.address()}));
  const std::string key = format::checkpoint_key(source.address().path);
  Store& below = *source.address().store;
  const MirrorOptions attach{.attach = true};
  ASSERT_TRUE(Mirror::open(destination.address, source.address(), attach));
  const Bytes late = object_store::get_now(below, key).value();
  append_to(destination.address);
  for (const bool lost : {true, false}) {
    auto mirror = Mirror::open(destination.address, source.address(), attach);
    ASSERT_TRUE(mirror) << mirror.error().message();
    ASSERT_TRUE((*mirror)->catch_up());
    ASSERT_TRUE(lost ? object_store::remove_now(below, {key}).has_value()
                     : object_store::put_now(below, key, late).has_value());
    EXPECT_EQ(Writer::open(source.address()).error().code(), Code::fenced) << lost;
    EXPECT_EQ(promote(source.address()).error().code(), Code::invalid_argument) << lost;
    EXPECT_EQ(Writer::open(source.address()).error().code(), Code::fenced) << lost;
  }
}

// Its checkpoint is a hint: without it nothing says that it was a mirror, and nothing may be put there all
// the more.
TEST(Promotion, WhatWasPromotedIsNotMirroredToWithoutItsCheckpointEither) {
  for (const bool damaged : {false, true}) {
    LogBuilder source;
    BuiltWriter writer = source.open();
    writer.put(2);
    const ReadPosition destination;
    copied(source, destination);
    ASSERT_TRUE(promote(destination.address, {.accept_loss_after = 2}));
    for (int i = 0; i < 9; ++i) writer.put(2);
    writer.trim(15);
    writer.sweep();
    ASSERT_TRUE(
        object_store::remove_now(*destination.below, {format::checkpoint_key(destination.address.path)}));
    const Seq first = 4;
    if (damaged) {
      ASSERT_TRUE(
          object_store::remove_now(*destination.below, {format::wal_key(destination.address.path, first)}));
    }
    const auto stored = stored_in(destination);
    const auto refused = Mirror::open(source.address(), destination.address);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::fenced) << refused.error().message();
    EXPECT_EQ(stored_in(destination), stored);
  }
}

// The log goes on in the first; to go on in the second as well would make two owners.
TEST(Promotion, ASecondMirrorOfASealedSourceIsOneByWordOnly) {
  LogBuilder source;
  source.open().put(5);
  const ReadPosition first;
  copied(source, first);
  const ReadPosition second;
  copied(source, second);
  ASSERT_TRUE(promote(first.address, {.source = source.address()}));
  const auto refused = promote(second.address, {.source = source.address()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::out_of_range);
  EXPECT_THAT(refused.error().message(), HasSubstr("--accept-loss-after 5"));
  EXPECT_EQ(Writer::open(second.address).error().code(), Code::fenced);
  EXPECT_TRUE(promote(second.address, {.source = source.address(), .accept_loss_after = 5}));
}

TEST(Promotion, OfWhatIsNoMirrorIsRefused) {
  LogBuilder log;
  log.open().put(1);
  EXPECT_EQ(promote(log.address()).error().code(), Code::invalid_argument);
  const LogBuilder empty;
  EXPECT_EQ(promote(empty.address()).error().code(), Code::not_found);
}

TEST(Promotion, ARetiredLogIsOneOfItsOwnAgainOnlyByWord) {
  LogBuilder source;
  source.open().put(5);
  const ReadPosition destination;
  copied(source, destination);
  ASSERT_TRUE(promote(destination.address, {.source = source.address()}));
  EXPECT_THAT(promote(source.address()).error().message(), HasSubstr("makes two logs of it"));
  ASSERT_TRUE(promote(source.address(), {.accept_loss_after = 5}));
  EXPECT_EQ(append_to(source.address()), 5U);
}

// Either store fails from its k-th request on; then it is called again.
TEST(Promotion, CutOffAnywhereIsCalledAgain) {
  for (const bool at_source : {false, true}) {
    for (const RequestKind kind :
         {RequestKind::put_if_absent, RequestKind::put, RequestKind::get, RequestKind::list}) {
      for (std::uint64_t k = 0; k < 9; ++k) {
        SCOPED_TRACE(::testing::Message() << at_source << ' ' << static_cast<int>(kind) << ' ' << k);
        const auto there = faulty_store();
        const auto here = faulty_store();
        LogBuilder source({there, "log"}, 4);
        BuiltWriter writer = source.open();
        for (int i = 0; i < 3; ++i) writer.put(2);
        const ReadPosition destination(here);
        copied(source, destination);
        writer.put(2);
        (at_source ? there : here)
            ->add({.request = kind, .fault = Fault::lose_answer, .skip = k, .times = object_store::for_good});
        static_cast<void>(promote(destination.address, {.source = source.address(), .timeout_ms = 10}));
        (at_source ? there : here)->heal();
        const auto done = promote(destination.address, {.source = source.address()});
        ASSERT_TRUE(done) << done.error().message();
        ASSERT_EQ(append_to(destination.address), 8U);
        ASSERT_EQ(records_of(destination.address).size(), 9U);
      }
    }
  }
}

}  // namespace
}  // namespace varve
