// Mirrors of logs in stores: what is copied and what is not, whatever happens on the way.
#include "varve/mirror.h"

#include <thread>

#include "format/key.h"
#include "testing/mirrors.h"
#include "testing/test_log.h"
#include "varve/repair.h"
#include "varve/writer.h"

namespace varve {
namespace {

TEST(Mirror, IsByteForByteWhatTheSourceHas) {
  LogBuilder source;
  {
    BuiltWriter first = source.open();
    for (int i = 0; i < 9; ++i) first.put(2);
    source.store(source.make_seal_ahead());
    BuiltWriter second = source.open();
    for (int i = 0; i < 9; ++i) second.put(1);
    second.close();
    source.open().put(3);
  }
  const ReadPosition destination;
  copied(source, destination);
  EXPECT_EQ(chain_of(destination.address), chain_of(source.address()));
  EXPECT_EQ(records_of(destination.address), records_of(source.address()));
  const auto report = verify(destination.address);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->findings.empty()) << report->findings.front().what;
}

TEST(Mirror, CopiesNothingOutOfVoidsAndNoUnfinishedTail) {
  LogBuilder source;
  BuiltWriter writer = source.open();
  writer.put(2);
  const auto never_stored = writer.make(1);
  const auto in_flight = writer.make(1);
  source.store(in_flight);
  const ReadPosition destination;
  copied(source, destination);
  EXPECT_FALSE(stored_in(destination).contains(in_flight.seq));
  BuiltWriter second = source.open();
  second.put(1);
  copied(source, destination);
  EXPECT_FALSE(stored_in(destination).contains(in_flight.seq));
  EXPECT_EQ(records_of(destination.address), records_of(source.address()));
}

TEST(Mirror, GoesOnWhereItWas) {
  LogBuilder source;
  BuiltWriter writer = source.open();
  const ReadPosition destination;
  for (int i = 0; i < 5; ++i) {
    writer.put(2);
    EXPECT_EQ(copied(source, destination).objects, i == 0 ? 2U : 1U);
  }
  EXPECT_EQ(records_of(destination.address), records_of(source.address()));
}

TEST(Mirror, OfATrimmedLogBeginsWhereThatBegins) {
  LogBuilder source;
  BuiltWriter writer = source.open();
  for (int i = 0; i < 12; ++i) writer.put(2);
  writer.trim(13);
  writer.sweep();
  const ReadPosition destination;
  copied(source, destination);
  EXPECT_EQ(records_of(destination.address), records_of(source.address()));
  const auto report = verify(destination.address);
  EXPECT_TRUE(report->findings.empty()) << report->findings.front().what;
  EXPECT_EQ(report->info.start_offset, 13U);
}

TEST(Mirror, IsReadableBeforeTheTrimItBeganWithIsCopied) {
  LogBuilder source;
  BuiltWriter writer = source.open();
  for (int i = 0; i < 12; ++i) writer.put(2);
  writer.trim(9);
  writer.sweep();
  const auto below = faulty_store();
  const ReadPosition destination(below);
  // The first object lands, and the checkpoint that tells of it; then nothing more.
  below->add({.request = RequestKind::put_if_absent,
              .fault = Fault::fail,
              .skip = 2,
              .times = object_store::for_good});
  auto mirror = Mirror::open(source.address(), destination.address, {.give_up_ms = 1000});
  ASSERT_TRUE(mirror) << mirror.error().message();
  EXPECT_EQ((*mirror)->catch_up().error().code(), Code::unavailable);
  below->heal();
  EXPECT_EQ(records_of(destination.address).begin()->first, 9U);
}

TEST(Mirror, FollowsTrimsOrKeepsWhatWasTrimmed) {
  for (const bool keep : {false, true}) {
    LogBuilder source;
    BuiltWriter writer = source.open();
    for (int i = 0; i < 6; ++i) writer.put(2);
    const ReadPosition destination;
    const MirrorOptions options{.keep_trimmed = keep};
    copied(source, destination, options);
    const auto all = records_of(source.address());
    writer.trim(7);
    writer.sweep();
    copied(source, destination, options);
    EXPECT_EQ(records_of(destination.address), keep ? all : records_of(source.address()));
    EXPECT_EQ(stored_in(destination).contains(4), keep);
    const auto report = verify(destination.address);
    EXPECT_TRUE(report->findings.empty()) << report->findings.front().what;
  }
}

TEST(Mirror, ThatWasTrimmedPastSaysSo) {
  LogBuilder source;
  BuiltWriter writer = source.open();
  for (int i = 0; i < 3; ++i) writer.put(2);
  const ReadPosition destination;
  copied(source, destination);
  for (int i = 0; i < 6; ++i) writer.put(2);
  writer.trim(15);
  writer.sweep();
  const auto late = Mirror::open(source.address(), destination.address);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Code::out_of_range);
  EXPECT_THAT(late.error().message(), HasSubstr("below offset 6"));
}

// One that a mirror which died had sent lands when its successor has swept what it names, in its epoch or
// later.
TEST(Mirror, ACheckpointThatComesLateCostsNothing) {
  for (const bool later_epoch : {false, true}) {
    for (const bool behind_hole : {false, true}) {
      SCOPED_TRACE(::testing::Message() << later_epoch << behind_hole);
      LogBuilder source;
      std::optional<BuiltWriter> writer(source.open());
      for (int i = 0; i < 3; ++i) writer->put(2);
      const ReadPosition destination;
      copied(source, destination);
      const std::string checkpoint = format::checkpoint_key(destination.address.path);
      const auto late = object_store::get_now(*destination.below, checkpoint)->data;
      const std::vector<std::byte> sent(late.begin(), late.end());
      for (int i = 0; i < 6; ++i) writer->put(2);
      copied(source, destination);
      if (later_epoch) writer.emplace(source.open());
      for (int i = 0; i < 3; ++i) writer->put(2);
      writer->trim(15);
      writer->sweep();
      copied(source, destination);
      ASSERT_FALSE(stored_in(destination).contains(6));
      ASSERT_TRUE(
          object_store::put_now(*destination.below, checkpoint, object_store::copy_bytes(text_of(sent))));
      if (behind_hole) {
        const Seq newest = stored_in(destination).rbegin()->first;
        ASSERT_TRUE(object_store::remove_now(*destination.below,
                                             {format::wal_key(destination.address.path, newest - 1)}));
      }
      if (!later_epoch) {
        const auto view = read::read_log_state(log::LogStore(destination.address), {});
        ASSERT_TRUE(view) << view.error().message();
        EXPECT_TRUE(view->mirror);
      }
      copied(source, destination);
      EXPECT_TRUE(read::read_log_state(log::LogStore(destination.address), {})->mirror);
      EXPECT_EQ(chain_of(destination.address), chain_of(source.address()));
      writer->put(1);
      copied(source, destination);
      EXPECT_EQ(records_of(destination.address), records_of(source.address()));
      EXPECT_TRUE(promote(destination.address, {.source = source.address()}));
    }
  }
}

/// A copy that never landed, with copies of a later epoch behind it, and then a checkpoint of an earlier
/// epoch that was on its way for long.
void lose_one_and_remember_little(LogBuilder& source, BuiltWriter& first, const ReadPosition& destination) {
  for (int i = 0; i < 2; ++i) first.put(1);
  copied(source, destination);
  const std::string checkpoint = format::checkpoint_key(destination.address.path);
  const auto late = object_store::get_now(*destination.below, checkpoint)->data;
  const std::vector<std::byte> sent(late.begin(), late.end());
  BuiltWriter second = source.open();
  for (int i = 0; i < 6; ++i) second.put(1);
  copied(source, destination);
  const Seq newest = stored_in(destination).rbegin()->first;
  ASSERT_TRUE(
      object_store::remove_now(*destination.below, {format::wal_key(destination.address.path, newest - 2)}));
  second.trim(3);
  second.sweep();
  ASSERT_TRUE(object_store::put_now(*destination.below, checkpoint, object_store::copy_bytes(text_of(sent))));
}

TEST(Mirror, GoesOnAtAHoleThatCopiesOfALaterEpochLieBehind) {
  LogBuilder source;
  BuiltWriter writer = source.open();
  const ReadPosition destination;
  lose_one_and_remember_little(source, writer, destination);
  copied(source, destination);
  EXPECT_EQ(chain_of(destination.address), chain_of(source.address()));
  const auto done = promote(destination.address, {.source = source.address()});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(records_of(destination.address), records_of(source.address()));
}

// What is acknowledged is in both: so the second is looked at place by place when a writer opens it.
TEST(Mirror, AWritersSecondPlaceIsWholeWhenItIsOpened) {
  for (const bool remembers : {false, true}) {
    LogBuilder source;
    BuiltWriter writer = source.open();
    const ReadPosition destination;
    lose_one_and_remember_little(source, writer, destination);
    if (remembers) {
      copied(source, destination);
      const Seq newest = stored_in(destination).rbegin()->first;
      ASSERT_TRUE(object_store::remove_now(*destination.below,
                                           {format::wal_key(destination.address.path, newest - 3)}));
    }
    const auto opened = Writer::open(source.address(), {.standby = destination.address});
    ASSERT_TRUE(opened) << opened.error().message();
    ASSERT_TRUE((*opened)->append({}));
    ASSERT_TRUE((*opened)->close());
    const Offset end = records_of(source.address()).rbegin()->first + 1;
    ASSERT_TRUE(promote(destination.address, {.accept_loss_after = end}));
    EXPECT_EQ(records_of(destination.address), records_of(source.address()));
  }
}

// Small, and never big enough for a checkpoint: what is mirrored there would be put in its stead.
TEST(Mirror, OntoASmallLogOfItsOwnIsRefused) {
  LogBuilder original;
  BuiltWriter writer = original.open();
  for (int i = 0; i < 3; ++i) writer.put(2);
  const ReadPosition other;
  copied(original, other);
  ASSERT_TRUE(promote(other.address, {.accept_loss_after = 6}));
  const auto promoted = Writer::open(other.address).value();
  for (int i = 0; i < 9; ++i) {
    ASSERT_TRUE(promoted->append({}));
    ASSERT_TRUE(promoted->flush());
  }
  ASSERT_TRUE(promoted->trim(12));
  ASSERT_TRUE(promoted->close());
  for (int i = 0; i < 2; ++i) writer.put(1);
  original.remove_checkpoint();
  const auto stored = original.stored();
  const auto refused = Mirror::open(other.address, original.address());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::fenced) << refused.error().message();
  EXPECT_EQ(original.stored(), stored);
  EXPECT_EQ(records_of(original.address()).size(), 8U);
}

TEST(Mirror, OfAnotherLogIsRefused) {
  LogBuilder source;
  source.open().put(1);
  LogBuilder other(3);
  other.open().put(1);
  const auto pair = Mirror::open(source.address(), other.address());
  ASSERT_FALSE(pair);
  const ReadPosition destination;
  copied(source, destination);
  const ReadPosition impostor(std::make_shared<object_store::MemoryStore>("there"));
  LogBuilder third(LogAddress{impostor.below, "log"}, 7);
  third.open().put(1);
  const auto refused = Mirror::open(third.address(), destination.address).error();
  EXPECT_EQ(refused.code(), Code::foreign) << refused.message();
}

// Too damaged to be looked at, and with no checkpoint that says whose it is.
TEST(Mirror, OfAnotherLogThatIsDamagedIsRefused) {
  LogBuilder source;
  source.open().put(1);
  protocol::TestLog other;
  protocol::TestChain chain(other, 4, 1234);
  for (int i = 0; i < 9; ++i) chain.data(1);
  other.objects.erase(chain.headers().back().anchor);
  const ReadPosition destination;
  for (const auto& [seq, object] : other.objects) {
    ASSERT_TRUE(object_store::put_if_absent_now(*destination.below,
                                                format::wal_key(destination.address.path, seq),
                                                object_store::copy_bytes(text_of(object))));
  }
  ASSERT_EQ(read::read_log_state(log::LogStore(destination.address), {}).error().code(), Code::corruption);
  const auto stored = stored_in(destination);
  const auto refused = Mirror::open(source.address(), destination.address);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::foreign) << refused.error().message();
  EXPECT_EQ(stored_in(destination), stored);
}

// What repair writes would say that it is a log of its own.
TEST(Mirror, IsNotRepaired) {
  LogBuilder source;
  source.open().put(2);
  const ReadPosition destination;
  copied(source, destination);
  const auto stored = stored_in(destination);
  EXPECT_EQ(repair(destination.address).error().code(), Code::unsupported);
  EXPECT_EQ(stored_in(destination), stored);
}

TEST(Mirror, ThatSomebodyWroteToIsAnErrorAndNoMerge) {
  LogBuilder source;
  BuiltWriter writer = source.open();
  writer.put(2);
  const ReadPosition destination;
  copied(source, destination);
  const Seq next = 6;
  LogBuilder other(4);
  BuiltWriter stranger = other.open();
  stranger.put(1);
  ASSERT_TRUE(object_store::put_if_absent_now(*destination.below,
                                              format::wal_key(destination.address.path, next),
                                              object_store::copy_bytes(text_of(other.load(4)))));
  writer.put(2);
  const auto stored = stored_in(destination);
  auto mirror = Mirror::open(source.address(), destination.address);
  ASSERT_TRUE(mirror);
  const auto copied = (*mirror)->catch_up();
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code(), Code::foreign) << copied.error().message();
  // A copy of what comes before that place may have been on its way.
  const auto of_source = chain_of(source.address());
  const auto now = stored_in(destination);
  for (const auto& [seq, bytes] : stored) EXPECT_EQ(now.at(seq), bytes);
  for (const auto& [seq, bytes] : now) {
    if (stored.contains(seq)) continue;
    EXPECT_EQ(bytes, of_source.at(seq)) << seq;
  }
}

TEST(Mirror, CopiesNothingThatIsDamaged) {
  for (const std::size_t byte : {std::size_t{40}, std::size_t{266}, std::size_t{300}}) {
    LogBuilder source;
    BuiltWriter writer = source.open();
    for (int i = 0; i < 5; ++i) writer.put(2);
    source.flip_bit(6, byte);
    const ReadPosition destination;
    auto mirror = Mirror::open(source.address(), destination.address);
    ASSERT_TRUE(mirror) << mirror.error().message();
    const auto copied = (*mirror)->catch_up();
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().code(), Code::corruption);
    EXPECT_THAT(copied.error().message(), HasSubstr("wal/00000000000000000006"));
    EXPECT_FALSE(stored_in(destination).contains(6));
    EXPECT_FALSE(stored_in(destination).contains(7));
  }
}

TEST(Mirror, DoesNotFollowASealThatCameToATrimmedPlace) {
  LogBuilder source;
  BuiltWriter writer = source.open();
  for (int i = 0; i < 3; ++i) writer.put(2);
  const ReadPosition destination;
  auto mirror = Mirror::open(source.address(), destination.address);
  ASSERT_TRUE((*mirror)->catch_up());
  const auto late = source.make_seal();
  for (int i = 0; i < 6; ++i) writer.put(2);
  writer.trim(15);
  writer.sweep();
  source.store(late);
  const auto copied = (*mirror)->catch_up();
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code(), Code::out_of_range) << copied.error().message();
  EXPECT_FALSE(stored_in(destination).contains(late.seq));
}

TEST(Mirror, IsNotOpenedForWriting) {
  LogBuilder source;
  source.open().put(2);
  const ReadPosition destination;
  copied(source, destination);
  const auto stored = stored_in(destination);
  const auto writer = Writer::open(destination.address);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code(), Code::fenced);
  EXPECT_THAT(writer.error().message(), HasSubstr("varve promote"));
  EXPECT_EQ(stored_in(destination), stored);
}

TEST(Mirror, IsSaidToBeOneByAnInspection) {
  LogBuilder source;
  source.open().put(2);
  const ReadPosition destination;
  copied(source, destination);
  EXPECT_FALSE(inspect(source.address())->mirror);
  const auto info = inspect(destination.address);
  ASSERT_TRUE(info && info->mirror);
  EXPECT_EQ(info->mirror->source_end, 2U);
  EXPECT_THAT(to_json(*info), HasSubstr("\"mirror\":{\"source\":"));
  ASSERT_TRUE(promote(destination.address, {.source = source.address()}));
  EXPECT_FALSE(inspect(destination.address)->mirror);
  EXPECT_TRUE(inspect(source.address())->demoted);
}

TEST(Mirror, WaitsForADestinationThatIsFullAndSaysSo) {
  LogBuilder source;
  BuiltWriter writer = source.open();
  for (int i = 0; i < 5; ++i) writer.put(2);
  const auto below = faulty_store();
  const ReadPosition destination(below);
  auto mirror = Mirror::open(source.address(), destination.address);
  below->add({.request = RequestKind::put_if_absent, .fault = Fault::fail, .times = object_store::for_good});
  std::thread following([&] { EXPECT_TRUE((*mirror)->follow()); });
  while (!(*mirror)->status().waiting_for) std::this_thread::yield();
  EXPECT_GT((*mirror)->status().records_behind, 0U);
  below->heal();
  while ((*mirror)->status().copied_offset < 10) std::this_thread::yield();
  EXPECT_FALSE((*mirror)->status().waiting_for);
  (*mirror)->stop();
  following.join();
  EXPECT_EQ(records_of(destination.address), records_of(source.address()));
}

// Each request of either store fails in each way, one after the other; a new mirror goes on.
TEST(Mirror, CutOffAnywhereGoesOn) {
  LogBuilder source;
  {
    BuiltWriter first = source.open();
    for (int i = 0; i < 6; ++i) first.put(2);
    first.trim(5);
    first.sweep();
    BuiltWriter second = source.open();
    for (int i = 0; i < 3; ++i) second.put(2);
  }
  const auto all = records_of(source.address());
  for (const RequestKind kind :
       {RequestKind::put_if_absent, RequestKind::put, RequestKind::get, RequestKind::list}) {
    for (const Fault fault : {Fault::fail, Fault::lose_answer}) {
      for (std::uint64_t k = 0; k < 25; ++k) {
        SCOPED_TRACE(::testing::Message()
                     << static_cast<int>(kind) << ' ' << static_cast<int>(fault) << ' ' << k);
        const auto below = faulty_store();
        const ReadPosition destination(below);
        // From the k-th on everything fails: to the store it looks as if the mirror was killed.
        below->add({.request = kind, .fault = fault, .skip = k, .times = object_store::for_good});
        bool through = false;
        if (auto mirror = Mirror::open(source.address(), destination.address, {.give_up_ms = 5})) {
          through = (*mirror)->catch_up().has_value();
        }
        below->heal();
        copied(source, destination);
        ASSERT_EQ(chain_of(destination.address), chain_of(source.address()));
        ASSERT_EQ(records_of(destination.address), all);
        if (through) break;
      }
    }
  }
}

TEST(Mirror, TwoAtOnceAreHarmless) {
  LogBuilder source;
  BuiltWriter writer = source.open();
  for (int i = 0; i < 40; ++i) writer.put(1);
  const ReadPosition destination;
  const auto run = [&] {
    auto mirror = Mirror::open(source.address(), destination.address, {.checkpoint_every_objects = 4});
    ASSERT_TRUE(mirror) << mirror.error().message();
    const auto copied = (*mirror)->catch_up();
    EXPECT_TRUE(copied) << copied.error().message();
  };
  std::thread other(run);
  run();
  other.join();
  EXPECT_EQ(records_of(destination.address), records_of(source.address()));
}

TEST(Mirror, HoldsNoMoreThanItMay) {
  LogBuilder source(16);
  BuiltWriter writer = source.open();
  for (int i = 0; i < 24; ++i) writer.put(1, 400'000);
  const auto below = faulty_store();
  const ReadPosition destination(below);
  auto mirror = Mirror::open(source.address(), destination.address, {.bytes_max = std::size_t{1} << 20});
  ASSERT_TRUE(mirror);
  below->add({.request = RequestKind::put_if_absent,
              .fault = Fault::hold_request,
              .skip = 1,
              .times = object_store::for_good});
  std::thread following([&] { EXPECT_TRUE((*mirror)->follow()); });
  below->wait_for_held(2);
  EXPECT_LE((*mirror)->status().held_bytes, (std::size_t{1} << 20));
  below->heal();
  below->release();
  while ((*mirror)->status().copied_offset < 24) {
    below->release();
    std::this_thread::yield();
  }
  (*mirror)->stop();
  following.join();
}

}  // namespace
}  // namespace varve
