#include "protocol/takeover.h"

#include <gtest/gtest.h>

#include <random>

#include "protocol/sweep.h"
#include "testing/test_log.h"

namespace varve::protocol {
namespace {

using format::Header;
namespace flag = format::flag;

Claimant claimant(std::uint64_t number, std::uint32_t window = 4) {
  return {.writer_id = test_id(number),
          .new_log_id = test_id(1000 + number),
          .new_window = window,
          .host = "h",
          .pid = number};
}

/// One takeover, its replies one by one.
struct Attempt {
  explicit Attempt(std::uint64_t number) : machine(claimant(number)) {
    for (Request& request : machine.start(1)) waiting.push_back(std::move(request));
  }
  [[nodiscard]] bool done() const { return machine.done(); }
  [[nodiscard]] const Request& next() const { return waiting.front(); }
  void step(TestLog& log) {
    const Request request = std::move(waiting.front());
    waiting.pop_front();
    for (Request& more : machine.on(log.answer(request), 1)) waiting.push_back(std::move(more));
  }
  /// The next request is a listing, and misses all that it might show.
  void answer_nothing_listed() {
    TestLog nothing;
    step(nothing);
  }
  Result<Ownership> finish(TestLog& log) {
    while (!done()) step(log);
    while (!waiting.empty()) step(log);
    return machine.result();
  }

  Takeover machine;
  std::deque<Request> waiting;
};

Result<Ownership> take_over(TestLog& log, std::uint64_t number) { return Attempt(number).finish(log); }

Header header_at(const TestLog& log, Seq seq) { return format::decode_header(log.objects.at(seq)).value(); }

TEST(Takeover, CreatesALog) {
  TestLog log;
  const Result<Ownership> owner = take_over(log, 1);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->next.seq, 4U);
  EXPECT_EQ(owner->next.offset, 0U);
  EXPECT_EQ(owner->next.log_id, test_id(1001));
  EXPECT_EQ(header_at(log, 0), owner->seal);
}

// A sleeper's seal lies where the log's end was when it was listed, and the log goes on behind, by less
// than the window that a claim leaves free: a claim placed behind that seal would lie beyond the tail.
TEST(Takeover, IsNotDeceivedByASleepersSealWhereTheEndWas) {
  TestLog log;
  TestChain chain(log, 4);
  chain.seal(2);
  Attempt sleeper(3);
  while (sleeper.next().kind != Request::Kind::put_object) sleeper.step(log);
  const Seq end = chain.data().seq;
  ASSERT_EQ(sleeper.next().seq, end);

  Attempt attempt(4);
  while (attempt.next().kind != Request::Kind::get_header) attempt.step(log);
  chain.trim_to(chain.headers().size() - 1);
  chain.data();
  chain.trim_to(chain.headers().size() - 1);
  chain.data();
  chain.sweep(false);
  ASSERT_FALSE(log.objects.contains(end));
  sleeper.step(log);
  ASSERT_TRUE(log.objects.contains(end));

  const Result<Ownership> owner = attempt.finish(log);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->seal.first_offset, chain.tail().offset) << "what was acknowledged is before it";
  EXPECT_EQ(owner->seal.previous_hash, chain.tail().previous_hash);
}

/// As `round_trips` wants it.
struct Opening {
  explicit Opening(std::uint64_t number) : machine(claimant(number)) {}
  Takeover machine;
  Requests start() { return machine.start(1); }
  Requests on(const Reply& reply) { return machine.on(reply, 1); }
};

/// As a writer does it after a trim: everything below `chain`'s lowest live object goes.
void sweep_as_a_writer(TestLog& log, const TestChain& chain) {
  Sweep sweep({.from = 0, .below = chain.lowest_live(), .history = chain.history(), .clocks = {}});
  drive(log, sweep.start(), [&](const Reply& reply) { return sweep.on(reply); });
  ASSERT_TRUE(sweep.done());
}

/// `objects` more, the log is trimmed to the last of them, and swept.
void go_on_and_trim(TestLog& log, TestChain& chain, int objects) {
  for (; objects > 0; --objects) chain.data();
  chain.trim_to(chain.headers().size() - 1);
  chain.data();
  sweep_as_a_writer(log, chain);
}

// A listing reports each name as of a moment of its own. While the log moves on and is trimmed, it may show
// none of the objects that were there, at any time (file systems and sharded indexes list so). A claimant
// that slept before its seal, and then meets such listings, must not take itself for the owner.
TEST(Takeover, IsNotDeceivedByListingsThatMissAllThatMoves) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 3; ++i) chain.data();
  Attempt sleeper(3);
  while (sleeper.next().kind != Request::Kind::put_object) sleeper.step(log);
  const Seq place = sleeper.next().seq;
  go_on_and_trim(log, chain, 7);
  ASSERT_FALSE(log.objects.contains(place));
  sleeper.step(log);
  ASSERT_TRUE(log.objects.contains(place)) << "the seal landed where the log was trimmed away";
  for (int looks = 0; !sleeper.waiting.empty() && looks < 2; ++looks) {
    while (sleeper.next().kind != Request::Kind::list) sleeper.step(log);
    sleeper.answer_nothing_listed();
  }
  EXPECT_FALSE(sleeper.done()) << "it has yet to hear that its claim was revoked";
  const Result<Ownership> owner = sleeper.finish(log);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->seal.first_offset, chain.tail().offset);
  EXPECT_EQ(owner->seal.previous_hash, chain.tail().previous_hash);
  EXPECT_TRUE(log.claims.empty() && log.revoked.empty()) << "a takeover that ends leaves no claims";
}

// What was deleted between the listing and the claim has no word for the claimant. The listing beside the PUT
// shows what is left then.
TEST(Takeover, SeesWhatWasTrimmedBeforeItsClaim) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 3; ++i) chain.data();
  Attempt early(3);
  while (early.next().kind != Request::Kind::list) early.step(log);
  early.step(log);
  go_on_and_trim(log, chain, 7);
  const Result<Ownership> owner = early.finish(log);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->seal.first_offset, chain.tail().offset);
  EXPECT_EQ(owner->seal.previous_hash, chain.tail().previous_hash);
}

// A scan that was fooled while its claim was revoked reports damage where there is none.
TEST(Takeover, DamageSeenUnderARevokedClaimIsLookedAtAgain) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 3; ++i) chain.data();
  const Header missing = chain.data(1, 0, false);
  chain.data();
  TestLog whole = log;
  whole.objects[missing.seq] = test_object(missing);
  Attempt attempt(3);
  while (attempt.next().kind != Request::Kind::get_revoked) attempt.step(log);
  ASSERT_FALSE(log.claims.empty());
  whole.claims = log.claims;
  whole.revoked = log.claims;
  const Result<Ownership> owner = attempt.finish(whole);
  ASSERT_TRUE(owner) << owner.error().message();
  EXPECT_EQ(owner->seal.first_offset, chain.tail().offset);
}

TEST(Takeover, LeavesNoClaimHoweverItEnds) {
  TestLog log;
  TestChain chain(log, 2);
  for (int i = 0; i < 3; ++i) chain.data();
  chain.data(1, 0, false);
  chain.data();
  const Result<Ownership> refused = take_over(log, 3);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::corruption);
  EXPECT_TRUE(log.claims.empty());
}

// The end of a crashed writer was seen by the scan: it needs no second one.
TEST(Takeover, AnUnfinishedTailCostsNoRoundTrip) {
  TestLog log;
  TestChain chain(log, 8);
  for (int i = 0; i < 20; ++i) chain.data();
  log.checkpoint = format::encode_checkpoint(chain.checkpoint());
  chain.data(1, 1, false);
  const Header unfinished = chain.data(1, 2);
  Opening opening(9);
  EXPECT_EQ(round_trips(log, opening), 5U);
  ASSERT_TRUE(opening.machine.result());
  EXPECT_EQ(opening.machine.result()->leftovers.back().seq, unfinished.seq);
}

// Each time it comes to the tail with its seal, another has been there first, and has gone on.
TEST(Takeover, GivesUpWhereItsRivalsWinEveryRace) {
  TestLog log;
  TestChain chain(log, 4);
  Attempt unlucky(3);
  for (std::size_t steps = 0; !unlucky.done() && steps < 10'000; ++steps) {
    if (unlucky.next().kind == Request::Kind::put_object) {
      while (chain.tail().seq <= unlucky.next().seq) chain.seal(2);
    }
    unlucky.step(log);
  }
  ASSERT_TRUE(unlucky.done());
  ASSERT_FALSE(unlucky.machine.result());
  EXPECT_EQ(unlucky.machine.result().error().code(), Code::unavailable);
}

std::size_t trips_to_open(TestLog& log) {
  static std::uint64_t number = 100;
  Opening opening(++number);
  const std::size_t trips = round_trips(log, opening);
  EXPECT_TRUE(opening.machine.result());
  return trips;
}

// Checkpoint, listing, headers, seal, and a look behind the seal; one more look if a seal was at the end.
TEST(Takeover, TakesFiveRoundTripsHoweverLongTheLog) {
  for (const int objects : {5, 70, 5000}) {
    TestLog log;
    TestChain chain(log, 64);
    for (int i = 0; i < objects; ++i) chain.data(1, 63);
    log.checkpoint = format::encode_checkpoint(chain.checkpoint());
    for (int i = 0; i < 300; ++i) chain.data(1, 63);
    TestLog killed = log;
    EXPECT_EQ(trips_to_open(killed), 5U) << objects;
    EXPECT_EQ(trips_to_open(killed), 6U) << objects << ", and once more, behind a seal";
    chain.close();
    log.checkpoint = format::encode_checkpoint(chain.checkpoint());
    EXPECT_EQ(trips_to_open(log), 5U) << objects << ", closed";
    for (int again = 0; again < 5; ++again)
      EXPECT_EQ(trips_to_open(log), 6U) << objects << ", sealed " << again;
  }
}

// Epochs that are all of a log's past make its seals long.
TEST(Takeover, AsksForASealThatDidNotComeWithItsHeader) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 400; ++i) {
    chain.seal(2);
    chain.data();
  }
  Opening opening(99);
  EXPECT_GT(log.objects.at(chain.headers()[chain.headers().size() - 2].seq).size(), front_bytes);
  round_trips(log, opening);
  ASSERT_TRUE(opening.machine.result());
  EXPECT_EQ(opening.machine.result()->history.size(), 402U);
}

TEST(Takeover, DoesNotCreateWhatMustExist) {
  TestLog log;
  Claimant who = claimant(1);
  who.must_exist = true;
  Takeover machine(who);
  drive(log, machine.start(1), [&](const Reply& reply) { return machine.on(reply, 1); });
  ASSERT_FALSE(machine.result());
  EXPECT_EQ(machine.result().error().code(), Code::not_found);
  EXPECT_TRUE(log.objects.empty());
}

TEST(Takeover, ACheckpointWithoutObjectsIsALossNotANewLog) {
  TestLog log;
  TestChain chain(log, 4);
  log.checkpoint = encode_checkpoint(chain.checkpoint());
  log.objects.clear();
  const Result<Ownership> owner = take_over(log, 2);
  ASSERT_FALSE(owner);
  EXPECT_EQ(owner.error().code(), Code::corruption);
  EXPECT_TRUE(log.objects.empty());
}

TEST(Takeover, SealsTheFirstHoleAndGoesOnAWindowFurther) {
  TestLog log;
  TestChain chain(log, 4);
  chain.data(3);
  const Position tail = chain.tail();
  const Result<Ownership> owner = take_over(log, 2);
  ASSERT_TRUE(owner) << owner.error().message();
  EXPECT_EQ(owner->seal, header_at(log, tail.seq));
  EXPECT_EQ(owner->seal.writer_id, test_id(2));
  EXPECT_FALSE(owner->seal.has(flag::fences_nobody));
  EXPECT_EQ(owner->next, step(tail, owner->seal).value());
  EXPECT_EQ(owner->truncated_objects, 0U);
  EXPECT_EQ(owner->history.size(), 2U);
  const auto body = format::decode_seal(log.objects.at(tail.seq), owner->seal);
  ASSERT_TRUE(body);
  EXPECT_EQ(body->history, chain.history());
}

TEST(Takeover, AfterACleanCloseTheSealFencesNobody) {
  TestLog log;
  TestChain chain(log, 4);
  chain.close();
  const Result<Ownership> owner = take_over(log, 2);
  ASSERT_TRUE(owner);
  EXPECT_TRUE(owner->seal.has(flag::fences_nobody));
  // The next one follows a seal, not a closed writer: it may still be at work.
  EXPECT_FALSE(take_over(log, 3)->seal.has(flag::fences_nobody));
}

TEST(Takeover, CutsAnUnfinishedTail) {
  TestLog log;
  TestChain chain(log, 4);
  chain.data(1);
  const Position tail = chain.tail();
  chain.data(1, 0, false);
  chain.data(1, 1);
  chain.data(1, 2);
  const Result<Ownership> owner = take_over(log, 2);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->seal.seq, tail.seq);
  EXPECT_EQ(owner->next.offset, tail.offset);
  EXPECT_EQ(owner->truncated_objects, 2U);
  EXPECT_EQ(owner->leftovers.size(), 2U);
}

TEST(Takeover, CarriesTheTrimStateOn) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 9; ++i) chain.data(2);
  chain.trim_to(6);
  chain.data(1);
  const Result<Ownership> owner = take_over(log, 2);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->seal.start_offset, chain.headers().at(6).first_offset);
  EXPECT_EQ(owner->seal.lowest_live, chain.headers().at(6).seq);
}

// The seal was stored, but we heard "already exists" (an earlier try landed): it is ours all the same.
TEST(Takeover, KnowsItsOwnSealWhenTheAnswerWasLost) {
  TestLog log;
  TestChain chain(log, 4);
  Attempt attempt(2);
  while (attempt.next().kind != Request::Kind::put_object) attempt.step(log);
  log.answer(attempt.next());
  const Result<Ownership> owner = attempt.finish(log);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->seal, header_at(log, 4));
  EXPECT_EQ(owner->next.seq, 8U);
  EXPECT_EQ(log.objects.size(), 2U);
}

// A writer so fast that it wins each race for the first hole is stopped by a seal ahead of it.
TEST(Takeover, StopsAFastWriterAhead) {
  TestLog log;
  TestChain chain(log, 4);
  Attempt attempt(2);
  std::size_t races = 0;
  while (!attempt.done()) {
    ASSERT_LT(++races, 1000U);
    if (attempt.next().kind == Request::Kind::put_object) {
      // The writer in office is a few objects further by now, unless it met another's.
      for (int i = 0; i < 3 && !log.objects.contains(chain.tail().seq); ++i) chain.data(1);
    }
    attempt.step(log);
  }
  ASSERT_TRUE(attempt.machine.result()) << attempt.machine.result().error().message();
  const Ownership& owner = *attempt.machine.result();
  EXPECT_TRUE(owner.next.owned);
  EXPECT_FALSE(owner.seal.has(flag::ahead));
  EXPECT_EQ(owner.next.offset, chain.tail().offset);
  const Result<LogState> view = run(log, RecoveryScan({.want_history = true}));
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_EQ(view->tail, owner.next);
  EXPECT_EQ(view->history, owner.history);
}

// Between its survey and its seal a claimant sleeps, while others clean the place it looked at.
TEST(Takeover, ASealInATrimmedPlaceOwnsNothing) {
  TestLog log;
  TestChain chain(log, 2);
  chain.close();
  Attempt sleeper(2);
  while (sleeper.next().kind != Request::Kind::put_object) sleeper.step(log);
  const Seq junk = sleeper.next().seq;
  chain.seal(3, flag::fences_nobody);
  for (int i = 0; i < 3; ++i) chain.data(1);
  chain.seal(4);
  for (int i = 0; i < 3; ++i) chain.data(1);
  chain.trim_to(chain.headers().size() - 1);
  chain.data(1);
  chain.sweep(true);
  ASSERT_FALSE(log.objects.contains(junk));
  const Result<Ownership> owner = sleeper.finish(log);
  ASSERT_TRUE(owner) << owner.error().message();
  EXPECT_TRUE(log.objects.contains(junk));
  EXPECT_EQ(owner->seal.seq, chain.tail().seq);
  EXPECT_EQ(owner->next.offset, chain.tail().offset);
}

// A claimant that died has left a seal ahead, just where our epoch was to begin.
TEST(Takeover, PassesAStrangersSealAhead) {
  TestLog log;
  TestChain chain(log, 2);
  chain.data(1);
  Header stop = chain.headers().back();
  stop.kind = format::Kind::seal;
  stop.flags = flag::ahead;
  stop.writer_id = test_id(9);
  stop.seq = stop.epoch = chain.tail().seq + 2;
  stop.first_offset = stop.previous_hash = 0;
  stop.record_count = 0;
  stop.first_append_unix_ms = 0;
  log.objects[stop.seq] = format::encode_seal(stop, {});
  const Result<Ownership> owner = take_over(log, 2);
  ASSERT_TRUE(owner) << owner.error().message();
  EXPECT_TRUE(owner->next.owned);
  EXPECT_EQ(owner->seal.seq, stop.seq + 2);
  EXPECT_EQ(run(log, RecoveryScan({}))->tail, owner->next);
}

TEST(Takeover, IsFencedWhenAnotherCameAfter) {
  TestLog log;
  TestChain chain(log, 4);
  Attempt slow(2);
  while (slow.next().kind != Request::Kind::put_object) slow.step(log);
  slow.step(log);  // sealed; now another takes over before it has looked again
  ASSERT_TRUE(take_over(log, 3));
  const Result<Ownership> owner = slow.finish(log);
  ASSERT_FALSE(owner);
  EXPECT_EQ(owner.error().code(), Code::fenced);
}

// Any interleaving of claimants: each ends, and only the one whose seal is last may write.
TEST(Takeover, OfManyClaimantsTheLastSealOwns) {
  std::minstd_rand random(3);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    TestLog log;
    if (round % 3 != 0) {
      TestChain chain(log, 4);
      for (auto i = random() % 6; i > 0; --i) chain.data(1);
      for (std::size_t i = 0; i < 3; ++i) chain.data(1, i, random() % 2 == 0);
    }
    std::vector<Attempt> attempts;
    for (std::uint64_t i = 0; i < 2 + random() % 3; ++i) attempts.emplace_back(10 + i);
    for (std::size_t running = attempts.size(); running > 0;) {
      Attempt& attempt = attempts[random() % attempts.size()];
      if (attempt.done()) continue;
      attempt.step(log);
      if (attempt.done()) --running;
    }
    const Result<LogState> view = run(log, RecoveryScan({.want_history = true}));
    ASSERT_TRUE(view) << view.error().message();
    std::size_t owners = 0;
    for (const Attempt& attempt : attempts) {
      const Result<Ownership>& owner = attempt.machine.result();
      if (!owner) {
        EXPECT_EQ(owner.error().code(), Code::fenced);
        continue;
      }
      // An owner that was overtaken finds its next place taken, or in a void that nobody reads.
      if (owner->next != view->tail) continue;
      ++owners;
      EXPECT_EQ(owner->history, view->history);
    }
    EXPECT_EQ(owners, 1U);
  }
}

// Found by review: a claimant sleeps before its seal; meanwhile its place and more is acknowledged, and then
// that one object is lost. The seal lands there, and what lies in its void knows better.
TEST(Takeover, ALateSealInThePlaceOfLostDataOwnsNothing) {
  TestLog log;
  TestChain chain(log, 8);
  for (int i = 0; i < 3; ++i) chain.data(1);
  Takeover takeover({.writer_id = test_id(99), .new_log_id = {}, .host = "h", .must_exist = true});
  Requests waiting = takeover.start(1);
  const auto step = [&] {
    const Request request = waiting.front();
    waiting.erase(waiting.begin());
    for (Request& more : takeover.on(log.answer(request), 1)) waiting.push_back(std::move(more));
  };
  while (waiting.front().kind != Request::Kind::put_object) step();
  const Seq place = waiting.front().seq;
  for (int i = 0; i < 5; ++i) chain.data(1);
  log.objects.erase(place);
  while (!waiting.empty()) step();
  ASSERT_FALSE(takeover.result());
  EXPECT_EQ(takeover.result().error().code(), Code::fenced);
}

}  // namespace
}  // namespace varve::protocol
