#include "protocol/recovery_scan.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <set>

#include "protocol/takeover.h"
#include "testing/test_log.h"

namespace varve::protocol {
namespace {

using format::Header;
namespace flag = format::flag;

Result<LogState> scan(TestLog& log, std::minstd_rand* shuffle = nullptr) {
  return run(log, RecoveryScan({.want_history = true}), shuffle);
}

// Everything a survey says must be what the builder knows.
void expect_found(TestLog& log, const TestChain& chain, std::minstd_rand* shuffle = nullptr) {
  const Result<LogState> view = scan(log, shuffle);
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_TRUE(view->exists);
  EXPECT_EQ(view->tail, chain.tail());
  EXPECT_EQ(view->newest, chain.headers().back());
  EXPECT_EQ(view->lowest_live(), view->newest_owned.lowest_live);
  ASSERT_FALSE(view->history.empty());
  const auto known = view->history.size();
  ASSERT_LE(known, chain.history().size());
  EXPECT_EQ(view->history, format::EpochHistory(chain.history().end() - static_cast<std::ptrdiff_t>(known),
                                                chain.history().end()));
}

TEST(RecoveryScan, AnEmptyStoreHasNoLog) {
  TestLog log;
  const Result<LogState> view = scan(log);
  ASSERT_TRUE(view);
  EXPECT_FALSE(view->exists);
}

TEST(RecoveryScan, FindsTheTailOfANewLog) {
  TestLog log;
  TestChain chain(log, 4);
  expect_found(log, chain);
}

TEST(RecoveryScan, AfterACleanCloseACheckpointMakesItThreeRoundTrips) {
  TestLog log;
  TestChain chain(log, 64);
  for (int i = 0; i < 5000; ++i) chain.data(1, static_cast<std::size_t>(i) % 64);
  chain.close();
  log.checkpoint = encode_checkpoint(chain.checkpoint());
  RecoveryScan machine({.want_history = true});
  const std::size_t trips = round_trips(log, machine);
  ASSERT_TRUE(machine.done());
  EXPECT_EQ(machine.result()->tail, chain.tail());
  EXPECT_EQ(trips, 3U);  // checkpoint, listing, headers
}

// What the hint may be like: it must cost time only.
enum class Hint { none, right, stale, garbled, foreign, beyond, count };

void lay_hint(TestLog& log, const format::Checkpoint& earlier, const TestChain& chain, Hint hint) {
  format::Checkpoint checkpoint = chain.checkpoint();
  switch (hint) {
    case Hint::none:
    case Hint::count:
      return;
    case Hint::right:
      break;
    case Hint::stale:
      checkpoint = earlier;
      break;
    case Hint::garbled:
      log.checkpoint = encode_checkpoint(checkpoint);
      log.checkpoint->at(20) ^= std::byte{1};
      return;
    case Hint::foreign:
      checkpoint.log_id = test_id(1234);
      break;
    case Hint::beyond:
      checkpoint.anchor += 100'000;
      break;
  }
  log.checkpoint = encode_checkpoint(checkpoint);
}

class SurveyOfAnyLog : public testing::TestWithParam<int> {};

TEST_P(SurveyOfAnyLog, FindsWhatTheWriterKnows) {
  std::minstd_rand random(static_cast<unsigned>(GetParam()) + 1);
  random.discard(10);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    const auto window = static_cast<std::uint32_t>(1 + random() % 6);
    TestLog log;
    TestChain chain(log, window);
    format::Checkpoint earlier = chain.checkpoint();
    const auto objects = random() % 40;
    for (std::uint64_t i = 0; i < objects; ++i) {
      switch (chain.tail().owned ? random() % 10 : 6) {
        case 6:
          chain.seal(random() % 5 + 2);
          break;
        case 7:
          chain.seal(9, flag::ahead);
          break;
        case 8:
          if (random() % 2 == 0) {
            chain.close();
          } else {
            earlier = chain.checkpoint();
          }
          break;
        case 9:
          chain.trim_to(random() % chain.headers().size());
          break;
        default:
          chain.data(static_cast<std::uint32_t>(random() % 3), random() % window);
      }
    }
    if (random() % 2 == 0) chain.sweep(false);
    // Leftovers in the last void: what a fenced writer had in flight, unreadable or not.
    const Header& newest = chain.headers().back();
    if (newest.kind == format::Kind::seal && window > 1 && random() % 2 == 0) {
      log.objects[newest.seq + 1 + random() % (window - 1)] = log.objects[newest.seq];
    }
    const std::vector<Header> stored = chain.headers();
    const auto hint = static_cast<Hint>(random() % static_cast<unsigned>(Hint::count));
    lay_hint(log, earlier, chain, hint);
    if (random() % 3 == 0) log.page = 3;
    expect_found(log, chain, &random);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SurveyOfAnyLog, testing::Range(0, 4));

// A tail that was never acknowledged is cut, whatever of it arrived.
TEST(RecoveryScan, CutsAnUnfinishedTailAndNamesIt) {
  for (std::uint32_t arrived = 0; arrived < 1U << 4; ++arrived) {
    SCOPED_TRACE(arrived);
    TestLog log;
    TestChain chain(log, 5);
    chain.data(2);
    const TestChain before = chain;
    for (std::size_t i = 0; i < 5; ++i) chain.data(1, i, i > 0 && ((arrived >> (i - 1)) & 1U) != 0);
    const Result<LogState> view = scan(log);
    ASSERT_TRUE(view) << view.error().message();
    EXPECT_EQ(view->tail, before.tail());
    EXPECT_EQ(view->cut.size(), static_cast<std::size_t>(__builtin_popcount(arrived)));
  }
}

// Acknowledged data that is gone, with a witness left, is never taken for a tail.
TEST(RecoveryScan, ReportsWhatIsMissingThoughItWasAcknowledged) {
  constexpr std::uint32_t window = 4;
  for (std::size_t missing = 0; missing < 12; ++missing) {
    SCOPED_TRACE(missing);
    TestLog log;
    TestChain chain(log, window);
    for (int i = 0; i < 12; ++i) chain.data(1, 0);
    const Header& gone = chain.headers().at(1 + missing);
    log.objects.erase(gone.seq);
    const Result<LogState> view = scan(log);
    if (missing + 2 >= 12) {  // the newest's anchor is walked from: it, or the newest itself
      if (missing == 11) {
        EXPECT_TRUE(view);  // nobody knows of it
      } else {
        ASSERT_FALSE(view);
        EXPECT_EQ(view.error().code(), Code::corruption);
        EXPECT_NE(view.error().message().find(std::to_string(gone.seq)), std::string::npos);
      }
    } else {
      EXPECT_TRUE(view);  // below the anchor an opener does not look; readers and `verify` do
    }
  }
}

// All objects of a short run are made before the first is acknowledged. What its close wrote knows.
TEST(RecoveryScan, TheCheckpointIsAWitnessToo) {
  TestLog log;
  TestChain chain(log, 8);
  for (std::size_t i = 0; i < 5; ++i) chain.data(1, i);
  log.checkpoint = encode_checkpoint(chain.checkpoint());
  const Seq gone = chain.headers().at(2).seq;
  log.objects.erase(gone);
  const Result<LogState> view = scan(log);
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code(), Code::corruption);
  EXPECT_NE(view.error().message().find(std::to_string(gone)), std::string::npos);

  log.checkpoint.reset();
  EXPECT_TRUE(scan(log)) << "without it, this could be a tail that nobody acknowledged";
}

// A claimant's seal ahead was made long ago: what it names as stored was trimmed away since.
TEST(RecoveryScan, ASealAheadMayBeOutOfDate) {
  TestLog log;
  TestChain chain(log, 6);
  for (int i = 0; i < 3; ++i) chain.data(1);
  Header ahead = chain.headers().back();
  ahead.kind = format::Kind::seal;
  ahead.flags = flag::ahead;
  ahead.seq = ahead.epoch = chain.tail().seq + 6;
  ahead.record_count = 0;
  ahead.first_offset = ahead.previous_hash = 0;
  ahead.first_append_unix_ms = 0;
  for (int i = 0; i < 3; ++i) chain.data(1);
  chain.trim_to(chain.headers().size() - 1);
  chain.data(1);
  chain.sweep(true);
  log.objects[ahead.seq] = format::encode_seal(ahead, {});
  ASSERT_FALSE(log.objects.contains(ahead.anchor));
  expect_found(log, chain);
}

TEST(RecoveryScan, AMissingSealIsNoTail) {
  TestLog log;
  TestChain chain(log, 4);
  chain.data(1);
  const Seq seal = chain.seal(2).seq;
  chain.data(1);
  log.objects.erase(seal);
  const Result<LogState> view = scan(log);
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code(), Code::corruption);
}

// One byte of damage in a header that is walked is corruption, found before anything is written.
TEST(RecoveryScan, ReportsDamagedHeaders) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 3; ++i) chain.data(1);
  log.objects.at(chain.headers().back().seq)[77] ^= std::byte{4};
  const Result<LogState> view = scan(log);
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code(), Code::corruption);
}

TEST(RecoveryScan, DamageInAVoidHarmsNobody) {
  TestLog log;
  TestChain chain(log, 4);
  chain.data(1);
  const Seq seal = chain.seal(2).seq;
  log.objects[seal + 1] = std::vector<std::byte>(300, std::byte{0x5a});
  log.objects[seal + 2] = {};
  chain.data(1);
  const Result<LogState> view = scan(log);
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_EQ(view->tail, chain.tail());
}

// A creator that slept through the log's youth puts its seal 0 where the log's own was swept.
TEST(RecoveryScan, ALateCreatorsSealBelowATrimmedLogIsPassedBy) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 20; ++i) chain.data(1);
  chain.seal(2);
  for (int i = 0; i < 3; ++i) chain.data(1);
  chain.trim_to(chain.headers().size() - 2);
  chain.data(0);
  chain.data(0);
  chain.sweep(true);
  TestLog other;
  TestChain stranger(other, 5, 1234);
  log.objects[0] = other.objects.at(0);
  expect_found(log, chain);
}

// Between listing and reading, the log moved on and was trimmed, and a claimant that had slept put its
// seal where the listed object had been.
TEST(RecoveryScan, IsNotMisledByASealThatCameToATrimmedPlace) {
  TestLog log;
  TestChain chain(log, 2);
  TestLog other;
  TestChain stranger(other, 2, 1234);
  RecoveryScan machine({.want_history = true});
  bool moved = false;
  drive(log, machine.start(), [&](const Reply& reply) {
    if (reply.kind == Request::Kind::list && !std::exchange(moved, true)) {
      for (int i = 0; i < 4; ++i) chain.data(1);
      chain.seal(2);
      for (int i = 0; i < 4; ++i) chain.data(1);
      chain.trim_to(chain.headers().size() - 1);
      chain.data(1);
      chain.data(1);
      chain.sweep(true);
      log.objects[0] = other.objects.at(0);
    }
    return machine.on(reply);
  });
  ASSERT_TRUE(machine.done());
  ASSERT_TRUE(machine.result()) << machine.result().error().message();
  EXPECT_EQ(machine.result()->tail, chain.tail());
}

TEST(RecoveryScan, AnotherLogsObjectAtTheEndIsForeign) {
  TestLog log;
  TestChain chain(log, 2);
  chain.data(1);
  TestLog other;
  TestChain stranger(other, 2, 1234);
  for (int i = 0; i < 2; ++i) stranger.data(1);
  log.objects[3] = other.objects.at(3);
  const Result<LogState> view = scan(log);
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code(), Code::foreign);
}

// A mirror's checkpoint that comes when nobody lists the seal that promoted it any more.
TEST(RecoveryScan, ALogPromotedLongAgoIsNoMirrorAgain) {
  for (const std::size_t since : {std::size_t{0}, std::size_t{3}, format::max_epochs + 9}) {
    TestLog log;
    TestChain chain(log, 1);
    chain.data(1);
    format::Checkpoint checkpoint = chain.checkpoint();
    checkpoint.mirror.emplace().copied_offset = 1;
    log.checkpoint = encode_checkpoint(checkpoint);
    ASSERT_TRUE(view_of(log).mirror);
    chain.seal(2, format::flag::promoted);
    for (std::size_t i = 0; i < since; ++i) chain.seal(3);
    EXPECT_FALSE(view_of(log).mirror) << since;
  }
}

// Whichever request it is from which on the store refuses.
TEST(RecoveryScan, StoreErrorsEndIt) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 3; ++i) chain.data(1);
  chain.seal(2);
  chain.data(1);
  chain.seal(3);
  std::set<Request::Kind> refused;
  for (std::size_t k = 0;; ++k) {
    RecoveryScan machine({.want_history = true});
    std::size_t asked = 0;
    drive(log, machine.start(), [&](Reply reply) {
      if (asked++ >= k) {
        if (asked == k + 1) refused.insert(reply.kind);
        reply.error = Error(Code::denied, "no");
        reply.bytes.clear();
        reply.listed.clear();
      }
      return machine.on(reply);
    });
    ASSERT_TRUE(machine.done());
    const bool all_answered = asked <= k;
    ASSERT_EQ(machine.result().has_value(), all_answered) << k;
    if (all_answered) break;
    EXPECT_EQ(machine.result().error().code(), Code::denied) << k;
    EXPECT_TRUE(machine.on({}).empty()) << "it is done";
  }
  EXPECT_EQ(refused.size(), 4U);
}

// Should the checkpoint name a smaller window, listing begins behind what the objects know for sure.
TEST(RecoveryScan, AHintWithAnotherWindowCostsTimeOnly) {
  TestLog log;
  TestChain chain(log, 32);
  for (int i = 0; i < 100; ++i) chain.data(1, 31);
  format::Checkpoint checkpoint = chain.checkpoint();
  checkpoint.window = 1;
  log.checkpoint = encode_checkpoint(checkpoint);
  expect_found(log, chain);
}

TEST(RecoveryScan, AnotherObjectInTheAnchorsPlaceIsCorruption) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 5; ++i) chain.data(1);
  const Seq anchor = chain.headers().back().anchor;
  log.objects.at(anchor) = log.objects.at(anchor - 1);
  const Result<LogState> view = scan(log);
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code(), Code::corruption);
  EXPECT_NE(view.error().message().find(std::to_string(anchor)), std::string::npos);
}

TEST(RecoveryScan, AnEpochsSealIsReadAndMustBeOne) {
  for (const bool damaged : {false, true}) {
    TestLog log;
    TestChain chain(log, 4);
    chain.data(1);
    const Seq seal = chain.seal(2).seq;
    for (int i = 0; i < 20; ++i) chain.data(1);
    if (damaged) {
      log.objects.at(seal).back() ^= std::byte{1};
    } else {
      log.objects.at(seal) = log.objects.at(chain.tail().seq - 1);
    }
    const Result<LogState> view = scan(log);
    ASSERT_FALSE(view);
    EXPECT_EQ(view.error().code(), Code::corruption);
    EXPECT_NE(view.error().message().find(std::to_string(seal)), std::string::npos);
  }
}

// What a listing misses because it was stored meanwhile is there when looked for again.
TEST(RecoveryScan, WhatOneListingMissesIsNoCorruption) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 4; ++i) chain.data(1);
  const Seq hidden = chain.headers().at(3).seq;
  RecoveryScan machine({.want_history = true});
  bool hide = true;
  drive(log, machine.start(), [&](Reply reply) {
    if (reply.kind == Request::Kind::list && std::exchange(hide, false)) {
      std::erase_if(reply.listed, [&](const ListedSeq& object) { return object.seq == hidden; });
    }
    return machine.on(reply);
  });
  ASSERT_TRUE(machine.done());
  ASSERT_TRUE(machine.result()) << machine.result().error().message();
  EXPECT_EQ(machine.result()->tail, chain.tail());
}

// The log goes on and is trimmed between listing and reading, again and again: only a seal is left of
// what was listed, and what that names is gone as well.
TEST(RecoveryScan, AListingThatIsOutOfDateTimeAndAgainIsNoCorruption) {
  TestLog log;
  TestChain chain(log, 2);
  chain.data(1);
  chain.close();
  chain.seal(2);
  chain.data(1);
  RecoveryScan machine({.want_history = true});
  int moves = 4;
  drive(log, machine.start(), [&](const Reply& reply) {
    Requests more = machine.on(reply);
    if (reply.kind == Request::Kind::list && moves-- > 0) {
      chain.data(1);
      chain.data(1);
      chain.trim_to(chain.headers().size() - 1);
      chain.data(0);
      chain.sweep(true);
    }
    return more;
  });
  ASSERT_TRUE(machine.done());
  ASSERT_TRUE(machine.result()) << machine.result().error().message();
  EXPECT_EQ(machine.result()->tail, chain.tail());
}

TEST(RecoveryScan, ALogThatChangesFasterThanItCanBeLookedAtIsLeftAlone) {
  TestLog log;
  TestChain chain(log, 2);
  chain.data(1);
  RecoveryScan machine({.want_history = true});
  std::size_t replies = 0;
  drive(log, machine.start(), [&](const Reply& reply) {
    if (++replies > 10'000) return Requests();
    Requests more = machine.on(reply);
    if (reply.kind == Request::Kind::list) {
      chain.data(1);
      chain.data(1);
      chain.trim_to(chain.headers().size() - 1);
      chain.data(0);
      chain.sweep(true);
    }
    return more;
  });
  ASSERT_TRUE(machine.done());
  ASSERT_FALSE(machine.result());
  EXPECT_EQ(machine.result().error().code(), Code::unavailable);
}

// Late copies lie in the void of a promotion's seal, with anchors beyond it.
TEST(RecoveryScan, AnUnreadablePromotionIsNotTakenForAbsent) {
  TestLog source;
  TestChain chain(source, 4);
  for (int i = 0; i < 6; ++i) chain.data(1);
  for (const bool with_checkpoint : {false, true}) {
    TestLog log;
    for (const Seq seq : {0U, 4U, 5U}) log.objects[seq] = source.objects.at(seq);
    format::Checkpoint checkpoint{
        .log_id = chain.tail().log_id, .anchor = 5, .window = 4, .history = chain.history()};
    checkpoint.mirror = format::MirrorState{.source = "source"};
    log.checkpoint = format::encode_checkpoint(checkpoint);
    Takeover promoting({.writer_id = test_id(50),
                        .new_log_id = {},
                        .host = "",
                        .must_exist = true,
                        .purpose = Purpose::promote});
    log.promotions.push_back(test_id(50));
    drive(log, promoting.start(1), [&](const Reply& reply) { return promoting.on(reply, 1); });
    ASSERT_TRUE(promoting.result()) << promoting.result().error().message();
    ASSERT_EQ(promoting.result()->seal.seq, 6U);
    for (const Seq seq : {7U, 8U, 9U}) log.objects[seq] = source.objects.at(seq);
    if (!with_checkpoint) log.checkpoint.reset();
    // The promotion's seal, or the object before it, in whose place it could be.
    for (const Seq spoilt : {Seq{5}, Seq{6}}) {
      for (const int flips : {0, 1, 1000}) {
        RecoveryScan machine({.want_history = true});
        int flipped = 0;
        std::deque<Request> waiting;
        for (Request& request : machine.start()) waiting.push_back(std::move(request));
        while (!waiting.empty()) {
          const Request request = std::move(waiting.front());
          waiting.pop_front();
          Reply reply = log.answer(request);
          if (request.kind != Request::Kind::list && request.seq == spoilt && !reply.bytes.empty() &&
              flipped++ < flips)
            reply.bytes.at(100) ^= std::byte{1};
          for (Request& more : machine.on(reply)) waiting.push_back(std::move(more));
        }
        if (flips == 1000 && !machine.result()) {
          EXPECT_EQ(machine.result().error().code(), Code::corruption);
          continue;
        }
        ASSERT_TRUE(machine.result()) << machine.result().error().message();
        EXPECT_EQ(machine.result()->newest_owned.seq, 6U) << spoilt << " " << flips;
        EXPECT_EQ(machine.result()->tail.seq, 10U) << spoilt << " " << flips;
      }
    }
  }
}

TEST(RecoveryScan, AnUnreadableHeaderWhereNothingWasPromotedCostsNothing) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 9; ++i) chain.data(1);
  log.objects.at(chain.headers().at(6).seq).at(100) ^= std::byte{1};
  const Result<LogState> view = scan(log);
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_EQ(view->tail, chain.tail());
}

}  // namespace
}  // namespace varve::protocol
