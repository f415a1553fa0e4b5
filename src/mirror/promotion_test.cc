// Promotion: what may be acknowledged where, before and after, and what becomes of the old source.
#include "mirror/mirror_test_support.h"

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
  const Place destination;
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
  const Place destination;
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

// Its copies would carry the mark of the promotion, and pass for promoted themselves: two owners.
TEST(Promotion, WhatWasPromotedIsNotMirroredAgain) {
  LogBuilder source;
  source.open().put(5);
  const Place destination;
  copied(source, destination);
  const Place empty(std::make_shared<store::MemoryStore>("empty"));
  const Place third(std::make_shared<store::MemoryStore>("third"));
  auto follower = Mirror::open(destination.address, third.address);
  ASSERT_TRUE(follower) << follower.error().message();
  ASSERT_TRUE((*follower)->catch_up());
  ASSERT_TRUE(promote(destination.address, {.source = source.address()}));
  append_to(destination.address);
  EXPECT_EQ(Mirror::open(destination.address, empty.address).error().code(), Code::unsupported);
  EXPECT_EQ(Mirror::open(destination.address, source.address()).error().code(), Code::unsupported);
  const auto met = (*follower)->catch_up();
  ASSERT_FALSE(met) << "nor by one that was at it already";
  EXPECT_EQ(met.error().code(), Code::unsupported) << met.error().message();
}

// The log goes on in the first; to go on in the second as well would make two owners.
TEST(Promotion, ASecondMirrorOfASealedSourceIsOneByWordOnly) {
  LogBuilder source;
  source.open().put(5);
  const Place first;
  copied(source, first);
  const Place second;
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
  const Place destination;
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
        const Place destination(here);
        copied(source, destination);
        writer.put(2);
        (at_source ? there : here)
            ->add({.request = kind, .fault = Fault::lose_answer, .skip = k, .times = store::for_good});
        static_cast<void>(promote(destination.address, {.source = source.address(), .timeout_ms = 10}));
        (at_source ? there : here)->heal();
        auto done = promote(destination.address, {.source = source.address()});
        if (!done) {  // it had sealed the source
          ASSERT_EQ(done.error().code(), Code::out_of_range) << done.error().message();
          done = promote(destination.address, {.source = source.address(), .accept_loss_after = 8});
        }
        ASSERT_TRUE(done) << done.error().message();
        ASSERT_EQ(append_to(destination.address), 8U);
        ASSERT_EQ(records_of(destination.address).size(), 9U);
      }
    }
  }
}

}  // namespace
}  // namespace varve
