// Where a mirror begins and goes on, case by case, and what a promotion makes sure of: the machines alone.
#include "protocol/mirror_start.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <string>

#include "protocol/promotion.h"
#include "testing/test_log.h"

namespace varve::protocol {
namespace {

namespace flag = format::flag;

/// A machine between two logs, one request at a time. A request that `hold` picks is kept until `release`.
template <class Machine>
class Driven {
 public:
  Driven(Machine& machine, TestLog& source, TestLog& destination)
      : machine_(machine), source_(source), destination_(destination) {}

  std::function<bool(const SidedRequest&)> hold = [](const SidedRequest&) { return false; };
  std::function<void(const SidedRequest&, Reply&)> spoil = [](const SidedRequest&, Reply&) {};

  void start(SidedRequests first) {
    add(std::move(first));
    run();
  }
  void release() {
    hold = [](const SidedRequest&) { return false; };
    run();
  }

 private:
  void add(SidedRequests more) {
    for (SidedRequest& one : more) waiting_.push_back(std::move(one));
  }
  void run() {
    while (!waiting_.empty() && !hold(waiting_.front())) {
      const SidedRequest one = std::move(waiting_.front());
      waiting_.pop_front();
      Reply reply = (one.side == Side::source ? source_ : destination_).answer(one.request);
      spoil(one, reply);
      add(on(reply));
    }
  }
  SidedRequests on(const Reply& reply) {
    if constexpr (requires { machine_.on(reply); }) {
      SidedRequests more = machine_.on(reply);
      return machine_.wants_proof() ? machine_.store_proven({}) : more;
    } else {
      return machine_.on(reply, 1);
    }
  }

  Machine& machine_;
  TestLog& source_;
  TestLog& destination_;
  std::deque<SidedRequest> waiting_;
};

constexpr std::uint32_t window = 4;

/// A source of three epochs, and a destination of which a test says what it holds.
class MirrorStartTest : public ::testing::Test {
 protected:
  MirrorStartTest() : chain(source, window) {
    for (int i = 0; i < 3; ++i) chain.data(1);
    chain.seal(2);
    for (int i = 0; i < 6; ++i) chain.data(1);
  }

  void copy(Seq seq) { destination.objects[seq] = source.objects.at(seq); }
  void copy_all() { destination.objects = source.objects; }  // what was swept there, too

  format::Checkpoint mirror_checkpoint(Seq begins, Seq anchor, bool keeps = false) {
    const LogState view = view_of(source);
    format::Checkpoint checkpoint{
        .log_id = view.tail.log_id, .anchor = anchor, .window = window, .history = view.history};
    std::erase_if(checkpoint.history, [&](const auto& entry) { return entry.seal > anchor; });
    checkpoint.mirror = format::MirrorState{.begins_seq = begins,
                                            .begins_offset = 0,
                                            .keeps = keeps,
                                            .copied_offset = 0,
                                            .source_end = view.tail.offset,
                                            .source = "source"};
    return checkpoint;
  }
  void say(const format::Checkpoint& checkpoint) {
    destination.checkpoint = format::encode_checkpoint(checkpoint);
  }

  Result<ResumePoint> start(MirrorStartOptions options = {}) {
    options.source = "source";
    options.destination = "destination";
    MirrorStart machine(options);
    Driven<MirrorStart> driven(machine, source, destination);
    driven.spoil = spoil;
    driven.start(machine.start());
    EXPECT_TRUE(machine.done());
    return machine.result();
  }

  Seq seq_of(std::size_t index) const { return chain.headers().at(index).seq; }

  TestLog source;
  TestChain chain;
  TestLog destination;
  std::function<void(const SidedRequest&, Reply&)> spoil = [](const SidedRequest&, Reply&) {};
};

TEST_F(MirrorStartTest, AnEmptyPlaceIsSaidToBeAMirrorBeforeTheFirstRecord) {
  chain.trim_to(5);
  chain.data(1);
  chain.sweep(false);
  const auto resume = start();
  ASSERT_TRUE(resume) << resume.error().message();
  EXPECT_EQ(resume->start.next.seq, seq_of(5));
  EXPECT_FALSE(resume->start.anchor);
  const auto checkpoint = format::decode_checkpoint(destination.checkpoint.value());
  ASSERT_TRUE(checkpoint);
  EXPECT_TRUE(checkpoint->mirror);
  EXPECT_EQ(destination.objects.size(), 1U) << "the seal of the epoch, and no record";
  EXPECT_FALSE(view_of(destination).exists) << "until something is copied";
  Takeover takeover({.writer_id = test_id(9), .new_log_id = test_id(8), .host = ""});
  const auto owned = [&] {
    drive(destination, takeover.start(1), [&](const Reply& reply) { return takeover.on(reply, 1); });
    return takeover.result();
  }();
  EXPECT_EQ(owned.error().code(), Code::fenced) << "nor does anybody begin a log there";
  EXPECT_EQ(start()->start.next.seq, seq_of(5)) << "cut off there, it begins again";
}

TEST_F(MirrorStartTest, WhatHasRecordsAndNoCheckpointIsALogOfItsOwn) {
  copy(0);
  copy(seq_of(1));
  const auto refused = start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::fenced) << refused.error().message();
  destination.objects.erase(seq_of(1));
  EXPECT_TRUE(start()) << "a seal alone is what a mirror leaves that is cut off";
}

TEST_F(MirrorStartTest, ACheckpointThatCannotBeReadIsNotOneThatIsAbsent) {
  copy_all();
  say(mirror_checkpoint(0, seq_of(9)));
  int spoilt = 0;
  const auto flip = [&](int most) {
    return [&spoilt, most](const SidedRequest& one, Reply& reply) {
      if (one.side == Side::destination && one.request.kind == Request::Kind::get_checkpoint &&
          spoilt < most) {
        ++spoilt;
        reply.bytes.at(20) ^= std::byte{1};
      }
    };
  };
  spoil = flip(1);
  const auto resume = start();
  ASSERT_TRUE(resume) << resume.error().message();
  EXPECT_EQ(resume->start.next.seq, seq_of(10));
  spoilt = 0;
  spoil = flip(1000);
  EXPECT_EQ(start().error().code(), Code::corruption);
  destination.objects.clear();
  EXPECT_EQ(start().error().code(), Code::corruption) << "nor does it begin anew";
}

// The hole is within the window of what the newest checkpoint named, and then an older one lands.
TEST_F(MirrorStartTest, GoesOnAtTheHoleWhateverCopiesSayThatLieBehindIt) {
  for (const bool verify : {false, true}) {
    copy_all();
    chain.trim_to(6);
    chain.data(1);
    const Seq hole = seq_of(7);
    destination.objects.erase(hole);
    say(mirror_checkpoint(0, seq_of(3)));
    chain.sweep(false);
    const auto resume = start({.source = {}, .destination = {}, .verify = verify});
    ASSERT_TRUE(resume) << resume.error().message();
    EXPECT_EQ(resume->start.next.seq, hole);
    EXPECT_EQ(resume->start.anchor, seq_of(6));
  }
}

TEST_F(MirrorStartTest, WhatWasLostFurtherDownIsFoundByALookAtEveryPlace) {
  copy_all();
  const Seq lost = seq_of(6);
  destination.objects.erase(lost);
  say(mirror_checkpoint(0, seq_of(9)));
  EXPECT_EQ(start()->start.next.seq, seq_of(10)) << "by the checkpoint";
  const auto resume = start({.source = {}, .destination = {}, .verify = true});
  ASSERT_TRUE(resume) << resume.error().message();
  EXPECT_EQ(resume->start.next.seq, lost);
}

// The source is trimmed after it was looked at, and another mirror sweeps what that leaves.
TEST_F(MirrorStartTest, WhatAnotherMirrorSweepsMeanwhileIsNotLost) {
  copy_all();
  say(mirror_checkpoint(0, seq_of(9)));
  bool trimmed = false;
  spoil = [&](const SidedRequest& one, Reply& reply) {
    const bool looks = one.side == Side::destination && one.request.kind == Request::Kind::get_checkpoint;
    if (!looks || std::exchange(trimmed, true)) return;
    chain.trim_to(8);
    chain.data(1);
    chain.sweep(false);
    copy_all();
    reply = destination.answer(one.request);
  };
  const auto resume = start({.source = {}, .destination = {}, .verify = true});
  ASSERT_TRUE(resume) << resume.error().message();
  EXPECT_EQ(resume->start.next.seq, seq_of(11) + 1);
}

// Another mirror copies a new epoch while this one looks: what is gone on with knows of it.
TEST_F(MirrorStartTest, KnowsTheEpochsThatCameWhileItLooked) {
  copy_all();
  say(mirror_checkpoint(0, seq_of(9)));
  Seq seal = 0;
  spoil = [&](const SidedRequest& one, Reply& reply) {
    const bool looks = one.side == Side::destination && one.request.kind == Request::Kind::get_checkpoint;
    if (!looks || seal != 0) return;
    chain.seal(3);
    seal = chain.headers().back().seq;
    copy_all();
    say(mirror_checkpoint(0, seal));
    reply = destination.answer(one.request);
  };
  const auto resume = start();
  ASSERT_TRUE(resume) << resume.error().message();
  EXPECT_EQ(resume->start.anchor, seal);
  EXPECT_EQ(resume->start.history.back().seal, seal);
}

TEST_F(MirrorStartTest, TrimmedPastIsSaidWhereTheCopiesEnd) {
  for (std::size_t i = 0; i < 6; ++i) copy(seq_of(i));
  say(mirror_checkpoint(0, seq_of(5)));
  chain.trim_to(8);
  chain.data(1);
  chain.sweep(false);
  const auto refused = start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::out_of_range) << refused.error().message();
}

// A mirror had begun there and was cut off; what an earlier one had sent, whose first object was the seal 0,
// lands.
TEST_F(MirrorStartTest, ALateFirstCheckpointOverSealsAloneIsBegunOver) {
  copy(0);
  const auto late = mirror_checkpoint(0, 0);
  chain.trim_to(8);
  chain.data(1);
  copy(seq_of(4));
  chain.sweep(false);
  say(late);
  const auto resume = start();
  ASSERT_TRUE(resume) << resume.error().message();
  EXPECT_EQ(resume->start.next.seq, seq_of(8));
}

// The same, in one epoch: the first checkpoint of a mirror that was cut off lands when another has begun anew
// behind it.
TEST_F(MirrorStartTest, ALateFirstCheckpointOverCopiesThatBeginBehindItCostsNothing) {
  auto late = mirror_checkpoint(seq_of(5), seq_of(5));
  late.mirror->begins_offset = late.mirror->copied_offset = chain.headers().at(5).first_offset;
  say(late);
  copy(seq_of(4));
  for (std::size_t i = 7; i < 10; ++i) copy(seq_of(i));
  const LogState view = view_of(destination);
  ASSERT_TRUE(view.mirror);
  EXPECT_EQ(view.lowest_live(), seq_of(7));
  EXPECT_EQ(view.start_offset(), chain.headers().at(7).first_offset);
  EXPECT_EQ(view.tail.seq, seq_of(9) + 1);
  const auto resume = start();
  ASSERT_TRUE(resume) << resume.error().message();
  EXPECT_EQ(resume->start.next.seq, seq_of(10));
  EXPECT_EQ(resume->start.state.begins_seq, seq_of(7));
}

// So far before the end that a look at the end does not come by what the copies begin with.
TEST_F(MirrorStartTest, ALateFirstCheckpointFarBelowTheEndOfAMirrorThatKeepsAllCostsNothing) {
  for (int i = 0; i < 12; ++i) chain.data(1);
  auto late = mirror_checkpoint(seq_of(5), seq_of(5), true);
  late.mirror->begins_offset = late.mirror->copied_offset = chain.headers().at(5).first_offset;
  say(late);
  chain.seal(3);
  for (std::size_t i = 7; i < chain.headers().size(); ++i) copy(seq_of(i));
  copy(seq_of(4));
  const LogState view = view_of(destination);
  ASSERT_TRUE(view.mirror);
  EXPECT_EQ(view.lowest_live(), seq_of(7));
  EXPECT_EQ(view.start_offset(), chain.headers().at(7).first_offset);
}

// Here the mirror that was cut off had copied the seal that it begins with.
TEST_F(MirrorStartTest, ALateFirstCheckpointThatNamesASealCostsNothingEither) {
  for (int i = 0; i < 6; ++i) chain.data(1);
  const Seq seal = seq_of(4);
  auto late = mirror_checkpoint(seal, seal);
  late.mirror->begins_offset = late.mirror->copied_offset = chain.headers().at(4).first_offset;
  say(late);
  copy(seal);
  for (std::size_t i = 9; i < 12; ++i) copy(seq_of(i));
  ASSERT_GE(seq_of(9), seal + 2 * window);
  chain.trim_to(9);
  chain.data(1);
  const LogState view = view_of(destination);
  ASSERT_TRUE(view.mirror);
  EXPECT_EQ(view.lowest_live(), seq_of(9));
  EXPECT_EQ(view.tail.seq, seq_of(11) + 1);
  const auto resume = start();
  ASSERT_TRUE(resume) << resume.error().message();
  EXPECT_EQ(resume->start.next.seq, seq_of(12));
}

// What the late checkpoint names, a seal, is never deleted, and what followed it was.
TEST_F(MirrorStartTest, ALateCheckpointThatNamesASealWhoseRecordsWereSweptCostsNothing) {
  copy_all();
  const Seq seal = seq_of(4);
  chain.trim_to(8);
  chain.data(1);
  chain.sweep(false);
  copy_all();
  say(mirror_checkpoint(0, seal));
  const auto resume = start();
  ASSERT_TRUE(resume) << resume.error().message();
  EXPECT_EQ(resume->start.next.seq, seq_of(11) + 1);
}

TEST_F(MirrorStartTest, ALateCheckpointOfAnEarlierEpochDoesNotHideThatAPlaceIsAMirror) {
  copy_all();
  say(mirror_checkpoint(0, seq_of(3)));
  EXPECT_TRUE(view_of(destination).mirror);
  Takeover opening({.writer_id = test_id(9), .new_log_id = {}, .host = ""});
  drive(destination, opening.start(1), [&](const Reply& reply) { return opening.on(reply, 1); });
  EXPECT_EQ(opening.result().error().code(), Code::fenced);
}

// The source is trimmed into a later epoch between two looks: the seal of the earlier one is gone.
TEST_F(MirrorStartTest, BeginsFurtherOnWhereTheSourceIsTrimmedMeanwhile) {
  chain.trim_to(5);
  chain.data(1);
  chain.sweep(false);
  bool trimmed = false;
  spoil = [&](const SidedRequest& one, Reply&) {
    const bool first = one.side == Side::source && one.request.kind == Request::Kind::get_header &&
                       one.request.seq == seq_of(5) && destination.objects.empty();
    if (!first || trimmed) return;
    trimmed = true;
    chain.seal(3);
    chain.data(1);
    chain.trim_to(chain.headers().size() - 1);
    chain.data(1);
    chain.sweep(true);
  };
  const auto resume = start();
  ASSERT_TRUE(resume) << resume.error().message();
  EXPECT_TRUE(trimmed);
  EXPECT_EQ(resume->start.next.seq, view_of(source).lowest_live());
}

TEST_F(MirrorStartTest, OfTwoThatAttachToEachOtherOneIsASourceStill) {
  copy_all();
  MirrorStart one({.source = "a", .destination = "b", .attach = true});
  MirrorStart other({.source = "b", .destination = "a", .attach = true});
  Driven<MirrorStart> of_one(one, source, destination);
  Driven<MirrorStart> of_other(other, destination, source);
  of_one.hold = of_other.hold = [](const SidedRequest& request) {
    return request.request.kind == Request::Kind::put_checkpoint;
  };
  of_one.start(one.start());
  of_other.start(other.start());
  ASSERT_FALSE(one.done() || other.done());
  of_one.release();
  of_other.release();
  ASSERT_TRUE(one.done() && other.done());
  EXPECT_TRUE(!one.result() || !other.result());
  const auto is_mirror = [](TestLog& log) { return view_of(log).mirror.has_value(); };
  EXPECT_FALSE(is_mirror(source) && is_mirror(destination)) << "that would have no owner";
}

// A claimant that lost its races puts a seal ahead, just when a promotion retires the log.
TEST_F(MirrorStartTest, ASealAheadBehindTheOneThatRetiresALogChangesNothing) {
  Takeover retiring({.writer_id = test_id(50),
                     .new_log_id = {},
                     .host = "",
                     .must_exist = true,
                     .purpose = Purpose::retire});
  drive(source, retiring.start(1), [&](const Reply& reply) { return retiring.on(reply, 1); });
  ASSERT_TRUE(retiring.result());
  const Seq ahead = retiring.result()->seal.seq + window;
  format::Header header = retiring.result()->seal;
  header.seq = header.epoch = ahead;
  header.flags = flag::ahead;
  header.first_offset = header.previous_hash = 0;
  header.writer_id = test_id(51);
  const format::SealBody body{.history = {}, .host = "test", .pid = 1};
  source.objects[ahead] = format::encode_seal(header, body);
  const LogState view = view_of(source);
  EXPECT_EQ(view.newest.seq, ahead);
  EXPECT_TRUE(view.retired());
  Takeover opening({.writer_id = test_id(52), .new_log_id = {}, .host = ""});
  drive(source, opening.start(1), [&](const Reply& reply) { return opening.on(reply, 1); });
  EXPECT_EQ(opening.result().error().code(), Code::fenced);
  // A mirror copies it, for it is on the chain; what is promoted goes on behind it.
  for (const auto& [seq, object] : source.objects) destination.objects[seq] = object;
  say(mirror_checkpoint(0, retiring.result()->seal.seq));
  const auto resume = start({.source = {}, .destination = {}, .verify = true});
  ASSERT_TRUE(resume) << resume.error().message();
  EXPECT_EQ(resume->start.next.seq, ahead);
  EXPECT_EQ(resume->start.anchor, retiring.result()->seal.seq);
}

TEST_F(MirrorStartTest, APromotionLooksWhetherEveryPlaceIsThere) {
  copy_all();
  say(mirror_checkpoint(0, seq_of(9)));
  const auto promote = [&](std::optional<Offset> missing_at) {
    Promotion machine({.source = "",
                       .mirror = "destination",
                       .accept_loss_after = view_of(destination).tail.offset,
                       .accept_missing_at = missing_at,
                       .retiring_writer = test_id(60),
                       .promoting_writer = test_id(61),
                       .host = ""});
    Driven<Promotion> driven(machine, source, destination);
    driven.start(machine.start(1));
    return machine.result();
  };
  const Seq lost = seq_of(6);
  destination.objects.erase(lost);
  const auto objects = destination.objects;
  const auto refused = promote({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::corruption);
  const Offset offset = chain.headers().at(6).first_offset;
  EXPECT_NE(refused.error().message().find("--accept-missing-at " + std::to_string(offset)),
            std::string::npos)
      << refused.error().message();
  EXPECT_EQ(destination.objects, objects);
  EXPECT_FALSE(promote(offset + 1));
  EXPECT_TRUE(promote(offset)) << "by word";
}

// A late checkpoint lands between the listing of all places and the seal: what copies say of the source would
// be believed.
TEST_F(MirrorStartTest, APromotionSealsWhatItHasLookedAt) {
  copy_all();
  const Seq hole = seq_of(7);
  destination.objects.erase(hole);
  say(mirror_checkpoint(0, seq_of(6)));
  ASSERT_EQ(view_of(destination).tail.seq, hole);
  const auto objects = destination.objects;
  Promotion machine({.source = "",
                     .mirror = "destination",
                     .accept_loss_after = view_of(destination).tail.offset,
                     .retiring_writer = test_id(60),
                     .promoting_writer = test_id(61),
                     .host = ""});
  Driven<Promotion> driven(machine, source, destination);
  driven.spoil = [&](const SidedRequest& one, Reply&) {
    if (one.request.kind == Request::Kind::put_promotion) say(mirror_checkpoint(0, seq_of(3)));
  };
  driven.start(machine.start(1));
  ASSERT_TRUE(machine.done());
  EXPECT_FALSE(machine.result());
  EXPECT_EQ(destination.objects, objects) << "nothing is sealed";
}

}  // namespace
}  // namespace varve::protocol
