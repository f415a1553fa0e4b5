#include "protocol/appender.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "protocol/takeover.h"
#include "testing/test_log.h"

namespace varve::protocol {
namespace {

using format::Header;
namespace flag = format::flag;

constexpr std::uint32_t window = 3;

Ownership take_over(TestLog& log, std::uint64_t writer) {
  Takeover machine(
      {.writer_id = test_id(writer), .new_log_id = test_id(7), .new_window = window, .host = "h"});
  drive(log, machine.start(1), [&](const Reply& reply) { return machine.on(reply, 1); });
  return machine.result().value();
}

Ownership own_new_log(TestLog& log) { return take_over(log, 1); }

AppenderOptions options(std::uint32_t give_up_ms, std::uint32_t checkpoint_every_objects) {
  AppenderOptions options;
  options.give_up_ms = give_up_ms;
  options.checkpoint_every_objects = checkpoint_every_objects;
  return options;
}

Error refused() { return Error(Code::unavailable, "no").with_outcome(WriteOutcome::not_written); }
Error lost() { return Error(Code::unavailable, "lost").with_outcome(WriteOutcome::unknown); }
Error taken() { return {Code::already_exists, "taken"}; }

struct AppenderTest : testing::Test {
  TestLog log;
  Appender appender{own_new_log(log), options(1000, 4)};

  Header submit(std::uint32_t records = 1, bool closing = false) {
    return appender.submit(test_batch(records, closing), 1, 0);
  }
  std::vector<Seq> acknowledged() {
    std::vector<Seq> seqs;
    for (const Command& command : appender.take_commands()) {
      if (command.kind == Command::Kind::acknowledge) seqs.push_back(command.seq);
    }
    return seqs;
  }
};

TEST_F(AppenderTest, AcknowledgesInOrderWhateverOrderUploadsEndIn) {
  const Header a = submit();
  const Header b = submit(2);
  const Header c = submit();
  EXPECT_FALSE(appender.can_submit());
  EXPECT_EQ(b.first_offset, 1U);
  EXPECT_EQ(c.first_offset, 3U);
  EXPECT_EQ(c.previous_hash, hash_of(b));
  appender.on_put(c.seq, {}, 0);
  appender.on_put(b.seq, {}, 0);
  EXPECT_EQ(acknowledged(), std::vector<Seq>{});
  EXPECT_EQ(appender.durable_offset(), 0U);
  appender.on_put(a.seq, {}, 0);
  EXPECT_EQ(acknowledged(), (std::vector{a.seq, b.seq, c.seq}));
  EXPECT_EQ(appender.durable_offset(), 4U);
  EXPECT_TRUE(appender.can_submit());
  EXPECT_EQ(submit().anchor, c.seq);
}

TEST_F(AppenderTest, WhatHasLandedMakesRoomForAnUploadThoughASlowerOneHoldsItBack) {
  AppenderOptions two = options(1000, 0);
  two.uploads_max = 2;
  TestLog fresh;
  Appender pair(own_new_log(fresh), two);
  const Header slow = pair.submit(test_batch(1), 1, 0);
  const Header quick = pair.submit(test_batch(1), 1, 0);
  EXPECT_FALSE(pair.can_submit());
  pair.on_put(quick.seq, lost(), 0);
  EXPECT_FALSE(pair.can_submit()) << "it will be sent again";
  pair.tick(500);
  pair.on_put(quick.seq, taken(), 0);
  EXPECT_FALSE(pair.can_submit()) << "whose it is, is not known";
  pair.on_look(quick.seq, quick, 0);
  EXPECT_EQ(pair.uploading(), 1U);
  ASSERT_TRUE(pair.can_submit());
  const Header next = pair.submit(test_batch(1), 1, 0);
  EXPECT_EQ(pair.in_flight(), 3U);
  pair.on_put(next.seq, {}, 0);
  EXPECT_FALSE(pair.can_submit()) << "the window is full all the same";
  pair.on_put(slow.seq, {}, 0);
  EXPECT_EQ(pair.uploading(), 0U);
  EXPECT_EQ(pair.durable_offset(), 3U);
}

TEST_F(AppenderTest, ALateSecondAnswerIsNothing) {
  const Header a = submit();
  appender.on_put(a.seq, {}, 0);
  EXPECT_EQ(acknowledged(), std::vector{a.seq});
  appender.on_put(a.seq, taken(), 0);
  appender.on_look(a.seq, a, 0);
  EXPECT_EQ(acknowledged(), std::vector<Seq>{});
  EXPECT_FALSE(appender.ending());
}

TEST_F(AppenderTest, AlreadyExistsIsItselfWhenTheHeaderIsItsOwn) {
  const Header a = submit();
  static_cast<void>(appender.take_commands());
  appender.on_put(a.seq, taken(), 0);
  EXPECT_EQ(appender.take_commands(), (std::vector<Command>{{Command::Kind::look, a.seq}}));
  appender.on_look(a.seq, a, 0);
  EXPECT_EQ(acknowledged(), std::vector{a.seq});
}

TEST_F(AppenderTest, AlreadyExistsThoughNothingIsThereIsTriedAgain) {
  const Header a = submit();
  appender.on_put(a.seq, taken(), 0);
  appender.on_look(a.seq, Error(Code::not_found, "nothing"), 0);
  EXPECT_FALSE(appender.ending());
  static_cast<void>(appender.take_commands());
  appender.tick(appender.next_tick_ms().value());
  EXPECT_EQ(appender.take_commands(), (std::vector<Command>{{Command::Kind::put, a.seq}}));
}

TEST_F(AppenderTest, IsFencedByAnotherWritersObject) {
  TestLog other;
  const Header a = submit();
  const Header b = submit();
  const Header c = submit();
  Header seal = a;
  seal.kind = format::Kind::seal;
  seal.writer_id = test_id(2);
  seal.seq = seal.epoch = b.seq;
  appender.on_put(b.seq, taken(), 0);
  appender.on_look(b.seq, seal, 0);
  EXPECT_FALSE(appender.can_submit());
  EXPECT_FALSE(appender.ending()) << "what is below the seal may still be acknowledged";
  appender.on_put(c.seq, {}, 0);
  appender.on_put(a.seq, {}, 0);
  EXPECT_EQ(acknowledged(), std::vector{a.seq});
  ASSERT_TRUE(appender.ending());
  EXPECT_EQ(appender.ending()->code(), Code::fenced);
  EXPECT_EQ(appender.fate_of(b.seq).outcome(), WriteOutcome::fenced);
  EXPECT_EQ(appender.fate_of(c.seq).outcome(), WriteOutcome::fenced);
  EXPECT_EQ(appender.fate_of_unsent().outcome(), WriteOutcome::fenced);
}

TEST_F(AppenderTest, OfTwoTakenPlacesTheLowerOneFences) {
  const Header a = submit();
  const Header b = submit();
  const Header c = submit();
  for (const Seq seq : {c.seq, a.seq, b.seq}) {
    Header seal = a;
    seal.kind = format::Kind::seal;
    seal.writer_id = test_id(2);
    seal.seq = seal.epoch = seq;
    appender.on_put(seq, taken(), 0);
    appender.on_look(seq, seal, 0, seq == a.seq ? "host-a:7" : "host-other:8");
  }
  ASSERT_TRUE(appender.ending());
  EXPECT_EQ(appender.ending()->code(), Code::fenced);
  EXPECT_NE(appender.ending()->message().find("host-a:7"), std::string::npos) << appender.ending()->message();
  for (const Header& each : {a, b, c}) {
    EXPECT_EQ(appender.fate_of(each.seq).outcome(), WriteOutcome::fenced);
  }
}

TEST_F(AppenderTest, GivesUpAndSaysWhatBecameOfEachObject) {
  const Header a = submit();
  const Header b = submit();
  const Header c = submit();
  appender.on_put(a.seq, lost(), 0);
  appender.on_put(b.seq, refused(), 0);
  appender.on_put(c.seq, refused(), 0);
  EXPECT_TRUE(appender.waiting_for_store());
  appender.tick(1000);
  ASSERT_TRUE(appender.ending());
  EXPECT_EQ(appender.ending()->code(), Code::unavailable);
  EXPECT_EQ(appender.fate_of(a.seq).outcome(), WriteOutcome::unknown);
  EXPECT_EQ(appender.fate_of(b.seq).outcome(), WriteOutcome::not_written);
  EXPECT_EQ(appender.fate_of_unsent().outcome(), WriteOutcome::not_written);
  EXPECT_FALSE(appender.next_tick_ms());
}

TEST_F(AppenderTest, WhatNoRetryCanMendEndsItAtOnce) {
  for (const Code code : {Code::invalid_argument, Code::unsupported, Code::closed, Code::internal,
                          Code::corruption, Code::foreign}) {
    TestLog fresh;
    Appender one(own_new_log(fresh), options(1000, 4));
    const Header a = one.submit(test_batch(1), 1, 0);
    one.on_put(a.seq, Error(code, "never"), 0);
    ASSERT_TRUE(one.ending());
    EXPECT_EQ(one.ending()->code(), code);
    EXPECT_EQ(one.fate_of(a.seq).outcome(), WriteOutcome::unknown);
  }
  for (const Code code : {Code::corruption, Code::foreign, Code::unsupported}) {
    TestLog fresh;
    Appender one(own_new_log(fresh), options(1000, 4));
    const Header a = one.submit(test_batch(1), 1, 0);
    one.on_put(a.seq, taken(), 0);
    one.on_look(a.seq, Error(code, "not a header of ours"), 0);
    ASSERT_TRUE(one.ending());
    EXPECT_EQ(one.ending()->code(), code);
    one.on_look(a.seq, a, 0);
    one.on_put(a.seq, std::nullopt, 0);
    EXPECT_EQ(one.durable_offset(), 0U) << "it has ended";
  }
}

TEST_F(AppenderTest, IsAbandonedWithTheReasonGiven) {
  const Header a = submit();
  appender.on_put(a.seq, refused(), 0);
  ASSERT_TRUE(appender.complaint());
  EXPECT_EQ(appender.complaint()->message(), refused().message());
  const Header b = submit();
  appender.abandon(Error(Code::timed_out, "closed in a hurry"));
  EXPECT_EQ(appender.ending()->code(), Code::timed_out);
  EXPECT_EQ(appender.fate_of(a.seq).outcome(), WriteOutcome::not_written);
  EXPECT_EQ(appender.fate_of(b.seq).outcome(), WriteOutcome::unknown);
}

TEST_F(AppenderTest, ARetryInFlightMayBeStored) {
  const Header a = submit();
  appender.on_put(a.seq, refused(), 0);
  appender.tick(appender.next_tick_ms().value());
  EXPECT_EQ(appender.retries(), 1U);
  appender.tick(1000);
  ASSERT_TRUE(appender.ending());
  EXPECT_EQ(appender.fate_of(a.seq).outcome(), WriteOutcome::unknown);
}

TEST_F(AppenderTest, AnObjectThatLiesUnderItsNameIsCorruption) {
  const Header a = submit();
  Header wrong = a;
  ++wrong.created_unix_ms;
  appender.on_put(a.seq, taken(), 0);
  appender.on_look(a.seq, wrong, 0);
  ASSERT_TRUE(appender.ending());
  EXPECT_EQ(appender.ending()->code(), Code::corruption);
  EXPECT_EQ(appender.fate_of(a.seq).outcome(), WriteOutcome::unknown);
}

TEST_F(AppenderTest, ATrimIsDurableWithTheObjectThatCarriesIt) {
  const Header a = submit(5);
  appender.on_put(a.seq, {}, 0);
  appender.begin_trim(5, a.seq);
  EXPECT_TRUE(appender.trim_wants_object());
  EXPECT_EQ(appender.durable_start_offset(), 0U);
  const Header b = submit(0);
  EXPECT_FALSE(appender.trim_wants_object());
  EXPECT_EQ(b.start_offset, 5U);
  EXPECT_EQ(b.lowest_live, a.seq);
  EXPECT_EQ(appender.durable_start_offset(), 0U);
  EXPECT_EQ(appender.durable_lowest_live(), 0U);
  appender.on_put(b.seq, {}, 0);
  EXPECT_EQ(appender.durable_start_offset(), 5U);
  EXPECT_EQ(appender.durable_lowest_live(), a.seq);
}

TEST_F(AppenderTest, ATrimKeepsTheObjectThatHoldsTheNewStartAndTheNewest) {
  const Header a = submit(5);
  const Header b = submit(5);
  const Header c = submit(5);
  for (const Header& header : {a, b, c}) appender.on_put(header.seq, {}, 0);
  appender.begin_trim(7, b.seq);
  const Header within = submit(0);
  EXPECT_EQ(within.start_offset, 7U);
  EXPECT_EQ(within.lowest_live, b.seq);
  appender.begin_trim(15, within.seq + 1);
  EXPECT_EQ(submit(0).lowest_live, c.seq) << "the newest that is known to be stored";
}

TEST_F(AppenderTest, AHeaderKnowsOnlyWhatWasAcknowledgedWhenItWasMade) {
  const auto expect_knows = [](const Header& header, Seq anchor, Seq durable_seq, Offset durable_offset) {
    EXPECT_EQ(header.anchor, anchor);
    EXPECT_EQ(header.durable_seq, durable_seq);
    EXPECT_EQ(header.durable_offset, durable_offset);
  };
  const Header a = submit(2);
  const Header b = submit(2);
  const Header c = submit(2);
  for (const Header& header : {a, b, c}) expect_knows(header, header.epoch, a.seq, 0);
  appender.on_put(b.seq, {}, 0);
  appender.on_put(a.seq, {}, 0);
  expect_knows(submit(2), b.seq, c.seq, 4);
}

TEST_F(AppenderTest, SaysSoWhenTheStoreIsSilent) {
  Appender patient{own_new_log(log), options(0, 4)};
  EXPECT_FALSE(patient.next_tick_ms()) << "an idle writer wants no ticks";
  const Seq seq = patient.submit(test_batch(1, false), 1, 0).seq;
  EXPECT_FALSE(patient.waiting_for_store());
  const std::optional<std::uint64_t> silence = patient.next_tick_ms();
  ASSERT_TRUE(silence);
  patient.tick(*silence);
  EXPECT_TRUE(patient.waiting_for_store());
  EXPECT_FALSE(patient.next_tick_ms()) << "said once is enough";
  patient.on_put(seq, std::nullopt, *silence);
  EXPECT_FALSE(patient.waiting_for_store());
}

// Many short-lived writers that never close leave a checkpoint all the same: opening stays fast.
TEST_F(AppenderTest, CountsWhatEarlierWritersLeftWithoutACheckpoint) {
  std::size_t checkpoints = 0;
  for (std::uint64_t life = 2; life < 6; ++life) {
    Appender short_lived{take_over(log, life), options(1000, 4)};
    const Header header = short_lived.submit(test_batch(1, false), 1, 0);
    std::vector<std::byte> object(format::header_bytes);
    format::encode_header(header, std::span<std::byte, format::header_bytes>(object.data(), object.size()));
    log.objects[header.seq] = object;
    short_lived.on_put(header.seq, std::nullopt, 0);
    for (const Command& command : short_lived.take_commands()) {
      if (command.kind != Command::Kind::checkpoint) continue;
      ++checkpoints;
      log.checkpoint = encode_checkpoint(short_lived.checkpoint());
    }
  }
  // Each takes four places: its seal's window of 3, and one object.
  EXPECT_EQ(checkpoints, 2U);
}

TEST_F(AppenderTest, WritesCheckpointsNowAndThenAndAtItsEnd) {
  std::size_t checkpoints = 0;
  for (int i = 0; i < 9; ++i) {
    const Header header = submit(1, i == 8);
    appender.on_put(header.seq, {}, 0);
    for (const Command& command : appender.take_commands()) {
      if (command.kind != Command::Kind::checkpoint) continue;
      ++checkpoints;
      EXPECT_EQ(appender.checkpoint().anchor, header.seq);
      EXPECT_TRUE(format::decode_checkpoint(encode_checkpoint(appender.checkpoint())));
      appender.on_checkpoint(checkpoints != 1);
    }
  }
  EXPECT_EQ(checkpoints, 3U);
  EXPECT_TRUE(appender.closed());
  EXPECT_FALSE(appender.can_submit());
}

// Any store, any order: acknowledgements are the prefix, in order, once each, and only of what is
// there; what is said to be not written or fenced never is on the chain.
RC_GTEST_PROP(AppenderProperty, TellsTheTruthWhateverTheStoreDoes, (const std::vector<std::uint16_t>& tape)) {
  TestLog log;
  Appender appender(own_new_log(log), options(500, 3));
  std::map<Seq, Header> submitted;
  std::vector<Command> open;                     // puts and looks on their way
  std::vector<std::pair<Seq, Header>> may_land;  // tries whose answer was lost
  std::uint64_t now = 0;
  Seq next_acknowledged = window;
  const auto store = [&](const Header& header) { log.objects.emplace(header.seq, test_object(header)); };
  const auto collect = [&] {
    for (const Command& command : appender.take_commands()) {
      switch (command.kind) {
        case Command::Kind::acknowledge:
          RC_ASSERT(command.seq == next_acknowledged++);
          RC_ASSERT(format::decode_header(log.objects.at(command.seq)).value() == submitted.at(command.seq));
          break;
        case Command::Kind::checkpoint:
          appender.on_checkpoint(false);
          break;
        default:
          open.push_back(command);
      }
    }
    RC_ASSERT(appender.in_flight() <= window);
    RC_ASSERT(open.size() <= window);
  };
  for (const std::uint16_t draw : tape) {
    const std::uint16_t argument = draw / 8;
    switch (draw % 8) {
      case 0:
      case 1:
        if (appender.can_submit()) {
          const Header header = appender.submit(test_batch(argument % 3), 1, now);
          submitted.emplace(header.seq, header);
        }
        break;
      case 2:
        now += argument % 50;
        appender.tick(now);
        break;
      case 3:
        if (!may_land.empty()) {
          store(may_land[argument % may_land.size()].second);
        } else if (argument % 16 == 0 && !log.objects.contains(appender.epoch() + window + argument % 40)) {
          // Another writer's seal somewhere before us.
          TestLog strange;
          Header seal = TestChain(strange, window).headers().front();
          seal.writer_id = test_id(2);
          seal.seq = seal.epoch = seal.durable_seq = appender.epoch() + window + argument % 40;
          const bool ours_may_be_there = appender.end_offset() > 0 && submitted.contains(seal.seq);
          if (!ours_may_be_there || !log.objects.contains(seal.seq)) {
            log.objects.emplace(seal.seq, format::encode_seal(seal, {}));
          }
        }
        break;
      default: {
        if (open.empty()) break;
        const Command command = open[argument % open.size()];
        std::erase(open, command);
        const auto found = log.objects.find(command.seq);
        if (command.kind == Command::Kind::look) {
          if (found == log.objects.end()) {
            appender.on_look(command.seq, Error(Code::not_found, "nothing"), now);
          } else {
            appender.on_look(command.seq, format::decode_header(found->second), now);
          }
          break;
        }
        const Header& header = submitted.at(command.seq);
        const auto way = (argument / 8) % 6;
        if (way == 0) {
          appender.on_put(command.seq, refused(), now);
        } else if (way == 1) {
          may_land.emplace_back(command.seq, header);
          appender.on_put(command.seq, lost(), now);
        } else if (way == 2) {
          appender.on_put(command.seq, taken(), now);  // true or not
        } else if (found != log.objects.end()) {
          appender.on_put(command.seq, taken(), now);
        } else {
          store(header);
          appender.on_put(command.seq, {}, now);
        }
      }
    }
    collect();
  }
  if (!appender.ending()) return;
  // What may still arrive, arrives.
  for (const auto& [seq, header] : may_land) store(header);
  for (Seq seq = next_acknowledged; submitted.contains(seq); ++seq) {
    const WriteOutcome fate = appender.fate_of(seq).outcome();
    const auto found = log.objects.find(seq);
    const bool there =
        found != log.objects.end() && format::decode_header(found->second).value() == submitted.at(seq);
    if (fate == WriteOutcome::not_written) RC_ASSERT(!there);
    if (fate == WriteOutcome::fenced) {
      bool seal_before = false;
      for (Seq at = next_acknowledged; at <= seq; ++at) {
        const auto object = log.objects.find(at);
        seal_before |= object != log.objects.end() &&
                       format::decode_header(object->second).value().kind == format::Kind::seal;
      }
      RC_ASSERT(seal_before);
    }
  }
}

}  // namespace
}  // namespace varve::protocol
