// What a writer submits and when, and how it ends: the core alone, against a log in memory.
#include "protocol/writer_core.h"

#include <gtest/gtest.h>

#include "protocol/takeover.h"
#include "testing/test_log.h"

namespace varve::protocol {
namespace {

using Kind = NextStep::Kind;
using format::Header;

Ownership take_over(TestLog& log, std::uint64_t writer) {
  Takeover machine({.writer_id = test_id(writer), .new_log_id = test_id(7), .new_window = 4, .host = "h"});
  drive(log, machine.start(1), [&](const Reply& reply) { return machine.on(reply, 1); });
  return machine.result().value();
}

Error lost() { return Error(Code::unavailable, "lost").with_outcome(WriteOutcome::unknown); }

/// A core whose requests the log answers at once, unless they are held.
struct WriterCoreTest : testing::Test {
  void open(WriterCoreOptions options = {}, std::uint64_t writer = 1) {
    core.emplace(take_over(log, writer), std::move(options), now);
    settle();
  }

  Header submit(std::uint32_t records, bool closing = false) {
    const Header header = core->submit(test_batch(records, closing), now);
    headers[header.seq] = header;
    settle();
    return header;
  }

  /// Carries out what is to be done, and all that follows from it.
  void settle() {
    for (bool more = true; more;) {
      more = false;
      for (const WriterCommand& command : core->take_commands()) {
        more = true;
        carry_out(command);
      }
      if (requests_held) continue;
      for (const auto& [ticket, request] : core->take_requests(now)) {
        more = true;
        core->on_reply(ticket, log.answer(request), now);
      }
    }
    for (auto& done : core->take_trim_results()) trimmed.push_back(done);
  }

  void carry_out(const WriterCommand& command) {
    switch (command.kind) {
      case WriterCommand::Kind::put:
        if (puts_held) return held.push_back(command.seq);
        return put(command.seq);
      case WriterCommand::Kind::look: {
        const Reply reply = log.answer(Request::make(Request::Kind::get_header, command.seq));
        return core->on_look(command.seq, header_in(reply), {}, now);
      }
      case WriterCommand::Kind::checkpoint:
        if (!checkpoints_held) core->on_checkpoint(true, now);
        return;
      case WriterCommand::Kind::acknowledge:
        return acknowledged.push_back(command.seq);
      default:
        return to_standby.push_back(command);
    }
  }

  void put(Seq seq) {
    Request request = Request::make(Request::Kind::put_object, seq);
    request.body = test_object(headers.at(seq));
    core->on_put(seq, log.answer(request).error, now);
  }

  void release_puts() {
    puts_held = false;
    for (const Seq seq : std::exchange(held, {})) put(seq);
    settle();
  }

  void tick_at(std::uint64_t ms) {
    now = {.ms = ms, .unix_ms = static_cast<std::int64_t>(ms)};
    core->tick(now);
    settle();
  }

  [[nodiscard]] Kind next(const Supply& supply) { return core->next(supply, now).kind; }

  TestLog log;
  Now now{.ms = 1, .unix_ms = 1};
  std::optional<WriterCore> core;
  std::map<Seq, Header> headers;
  bool puts_held = false;
  bool requests_held = false;
  bool checkpoints_held = false;
  std::vector<Seq> held;
  std::vector<Seq> acknowledged;
  std::vector<WriterCommand> to_standby;
  std::vector<WriterCore::TrimDone> trimmed;
};

// What goes next. -----------------------------------------------------------------------------------

TEST_F(WriterCoreTest, ABatchThatIsReadyGoesWhileThereIsRoom) {
  open();
  puts_held = true;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(next({.ready = true}), Kind::submit_batch);
    submit(1);
  }
  EXPECT_EQ(next({.ready = true}), Kind::wait) << "the window is full";
  release_puts();
  EXPECT_EQ(acknowledged.size(), 4U);
  EXPECT_EQ(next({.ready = true}), Kind::submit_batch);
}

TEST_F(WriterCoreTest, TheOpenBatchClosesAtOnceWhenNothingIsInFlightAndLingersOtherwise) {
  open({.pacing = Pacing(0, 1, 5)});
  const Supply collecting{.collecting = true, .first_record_ms = 1, .open_begins_at = 0};
  EXPECT_EQ(next(collecting), Kind::close_batch);
  EXPECT_EQ(next({.preparing = true, .collecting = true, .first_record_ms = 1}), Kind::wait)
      << "what is being compressed is in flight as well";
  EXPECT_EQ(core->next_tick_ms(), 6U);
  puts_held = true;
  submit(1);
  EXPECT_EQ(next(collecting), Kind::wait);
  EXPECT_EQ(core->next_tick_ms(), 6U);
  now.ms = 6;
  EXPECT_EQ(next(collecting), Kind::close_batch);
}

TEST_F(WriterCoreTest, OnlyAnOpenBatchWithRecordsCloses) {
  open();
  EXPECT_EQ(next({}), Kind::wait);
  EXPECT_EQ(next({.closed = true, .collecting = true}), Kind::wait) << "one before it is not complete";
  EXPECT_EQ(next({.accepts = false, .collecting = true}), Kind::wait) << "there is no room for it";
}

TEST_F(WriterCoreTest, FlushDoesNotWaitForCompany) {
  open({.pacing = Pacing(0, 1, 60'000)});
  puts_held = true;
  submit(2);
  const Supply collecting{.collecting = true, .first_record_ms = 1, .open_begins_at = 2};
  EXPECT_EQ(next(collecting), Kind::wait);
  core->flush(2);
  EXPECT_EQ(next(collecting), Kind::wait) << "all below 2 is on its way";
  core->flush(3);
  EXPECT_EQ(next(collecting), Kind::close_batch);
}

TEST_F(WriterCoreTest, TheAllowanceOfPutsHoldsSmallBatchesBack) {
  open({.pacing = Pacing(1, 1, 0)});
  const Supply collecting{.collecting = true, .first_record_ms = 1};
  EXPECT_EQ(next(collecting), Kind::close_batch);
  submit(1);
  EXPECT_EQ(next(collecting), Kind::wait);
  EXPECT_EQ(core->next_tick_ms(), 1'001U);
  EXPECT_EQ(next({.ready = true}), Kind::submit_batch) << "full ones are not held back";
}

// Closing. -------------------------------------------------------------------------------------------

TEST_F(WriterCoreTest, TheLastObjectIsEmptyAndComesWhenAllBeforeItIsStored) {
  open();
  puts_held = true;
  submit(3);
  core->close(0, now);
  EXPECT_EQ(next({.drained = true}), Kind::wait);
  release_puts();
  EXPECT_EQ(next({.drained = false}), Kind::wait);
  const NextStep last = core->next({.drained = true}, now);
  EXPECT_EQ(last.kind, Kind::submit_empty);
  EXPECT_TRUE(last.closing);
  EXPECT_FALSE(core->finished(true, now));
  submit(0, true);
  EXPECT_TRUE(core->finished(true, now));
  EXPECT_FALSE(core->ending());
}

TEST_F(WriterCoreTest, ACheckpointThatIsNotAnsweredHoldsTheEndUpForTwoSecondsAtMost) {
  open();
  submit(1);
  checkpoints_held = true;
  core->close(0, now);
  submit(0, true);
  EXPECT_FALSE(core->finished(true, now));
  EXPECT_EQ(core->next_tick_ms(), 2'001U);
  now.ms = 2'001;
  EXPECT_TRUE(core->finished(true, now));
}

TEST_F(WriterCoreTest, WhatIsNotStoredWhenTheTimeToCloseIsOverIsUnknown) {
  open();
  puts_held = true;
  const Header header = submit(1);
  core->close(500, now);
  core->close(700, now);
  EXPECT_EQ(core->next_tick_ms(), 500U) << "the earliest counts";
  tick_at(500);
  ASSERT_TRUE(core->ending());
  EXPECT_EQ(core->ending()->code(), Code::timed_out);
  EXPECT_EQ(core->fate_of(header.seq).outcome(), WriteOutcome::unknown);
  EXPECT_EQ(core->fate_of_unsent().outcome(), WriteOutcome::not_written);
  EXPECT_FALSE(core->finished(false, now)) << "some are not told yet";
  EXPECT_TRUE(core->finished(true, now));
}

TEST_F(WriterCoreTest, ATimeThatIsOverWhenAllIsStoredOnlyCostsTheHint) {
  open();
  checkpoints_held = true;
  core->close(500, now);
  submit(0, true);
  tick_at(500);
  EXPECT_FALSE(core->ending());
  EXPECT_TRUE(core->finished(true, now));
}

// Trims. ---------------------------------------------------------------------------------------------

TEST_F(WriterCoreTest, ATrimIsCarriedByTheNextObjectAndThenDeletes) {
  open();
  for (int i = 0; i < 5; ++i) submit(2);
  core->trim({.number = 9, .before = 6}, now);
  settle();
  EXPECT_TRUE(trimmed.empty());
  EXPECT_EQ(core->trim()->stage(), Trim::Stage::carrying);
  EXPECT_EQ(next({}), Kind::submit_empty);
  const Seq last = submit(0).seq;
  ASSERT_EQ(trimmed.size(), 1U);
  EXPECT_EQ(trimmed[0].first, 9U);
  EXPECT_EQ(trimmed[0].second.value().start_offset, 6U);
  EXPECT_EQ(trimmed[0].second.value().objects_deleted, 3U);
  EXPECT_EQ(trimmed[0].second.value().objects_left, 0U);
  EXPECT_EQ(headers.at(last).start_offset, 6U);
  EXPECT_FALSE(core->trimming());
}

TEST_F(WriterCoreTest, NothingIsDeletedBeforeTheNewStartIsDurable) {
  open();
  for (int i = 0; i < 5; ++i) submit(2);
  const std::size_t objects = log.objects.size();
  core->trim({.number = 1, .before = 8}, now);
  settle();
  puts_held = true;
  submit(1);
  EXPECT_EQ(log.objects.size(), objects);
  EXPECT_EQ(log.asked[Request::Kind::remove], 0U);
  release_puts();
  EXPECT_EQ(trimmed.size(), 1U);
  EXPECT_LT(log.objects.size(), objects);
}

TEST_F(WriterCoreTest, TrimsGoOneAfterAnother) {
  open();
  for (int i = 0; i < 5; ++i) submit(2);
  core->trim({.number = 1, .before = 4}, now);
  core->trim({.number = 2, .before = 8}, now);
  core->trim({.number = 3, .before = 99}, now);
  core->trim({.number = 4, .before = 2}, now);
  settle();
  submit(0);
  submit(0);
  ASSERT_EQ(trimmed.size(), 4U);
  EXPECT_EQ(trimmed[0].second.value().start_offset, 4U);
  EXPECT_EQ(trimmed[1].second.value().start_offset, 8U);
  EXPECT_EQ(trimmed[2].second.error().code(), Code::out_of_range);
  EXPECT_EQ(trimmed[2].second.error().valid_range(), (OffsetRange{8, 10}));
  EXPECT_EQ(trimmed[3].second.value().start_offset, 8U) << "what is trimmed already is no error";
}

TEST_F(WriterCoreTest, ATrimEndsAtItsDeadlineWhereverItIs) {
  open();
  for (int i = 0; i < 3; ++i) submit(2);
  requests_held = true;
  core->trim({.number = 1, .before = 4, .deadline_ms = 100}, now);
  core->trim({.number = 2, .before = 4, .deadline_ms = 50}, now);
  EXPECT_FALSE(core->take_requests(now).empty());
  EXPECT_EQ(core->next_tick_ms(), 50U);
  tick_at(50);
  ASSERT_EQ(trimmed.size(), 1U) << "it waited for the other all the time";
  EXPECT_EQ(trimmed[0].first, 2U);
  tick_at(100);
  ASSERT_EQ(trimmed.size(), 2U);
  EXPECT_EQ(trimmed[1].second.error().code(), Code::timed_out);
  EXPECT_EQ(trimmed[1].second.error().outcome(), WriteOutcome::not_written) << "nothing had happened";

  requests_held = false;
  core->trim({.number = 3, .before = 4, .deadline_ms = 200}, now);
  settle();
  puts_held = true;
  submit(0);
  tick_at(200);
  ASSERT_EQ(trimmed.size(), 3U);
  EXPECT_EQ(trimmed[2].second.error().outcome(), WriteOutcome::unknown) << "its object is on its way";

  core->trim({.number = 4, .before = 4, .deadline_ms = 300}, now);
  settle();
  requests_held = true;
  release_puts();
  tick_at(300);
  ASSERT_EQ(trimmed.size(), 4U);
  EXPECT_EQ(trimmed[3].second.value().start_offset, 4U) << "it is durable; only deletions are left";
  EXPECT_GT(trimmed[3].second.value().objects_left, 0U);
}

TEST_F(WriterCoreTest, AReplyThatComesAfterItsTrimIsPassedOver) {
  open();
  for (int i = 0; i < 3; ++i) submit(2);
  requests_held = true;
  core->trim({.number = 1, .before = 4, .deadline_ms = 100}, now);
  const auto late = core->take_requests(now);
  ASSERT_FALSE(late.empty());
  tick_at(100);
  requests_held = false;
  core->trim({.number = 2, .before = 4}, now);
  for (const auto& [ticket, request] : late) core->on_reply(ticket, log.answer(request), now);
  settle();
  submit(0);
  ASSERT_EQ(trimmed.size(), 2U);
  EXPECT_TRUE(trimmed[1].second);
}

TEST_F(WriterCoreTest, ASearchThatTheStoreDoesNotAnswerIsRepeated) {
  open();
  for (int i = 0; i < 3; ++i) submit(2);
  core->trim({.number = 1, .before = 4}, now);
  for (int failures = 0; failures < 3; ++failures) {
    for (const auto& [ticket, request] : core->take_requests(now)) {
      Reply reply;
      reply.kind = request.kind;
      reply.seq = request.seq;
      reply.error = lost();
      core->on_reply(ticket, reply, now);
    }
    ASSERT_TRUE(core->take_requests(now).empty()) << "there is a pause";
    now.ms = core->next_tick_ms().value();
  }
  settle();
  submit(0);
  ASSERT_EQ(trimmed.size(), 1U);
  EXPECT_TRUE(trimmed[0].second);
}

TEST_F(WriterCoreTest, TheWritersEndIsTheEndOfItsTrims) {
  for (const bool closes : {false, true}) {
    log = {};
    open({}, closes ? 3 : 1);
    headers.clear();
    trimmed.clear();
    requests_held = false;
    for (int i = 0; i < 3; ++i) submit(2);
    requests_held = true;
    core->trim({.number = 1, .before = 4}, now);
    core->trim({.number = 2, .before = 4}, now);
    if (closes) {
      core->close(0, now);
    } else {
      core->abandon(Error(Code::unavailable, "gave up").with_outcome(WriteOutcome::unknown), now);
    }
    core->trim({.number = 3, .before = 4}, now);
    settle();
    ASSERT_EQ(trimmed.size(), 3U);
    for (const auto& [number, result] : trimmed) {
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().code(), closes ? Code::closed : Code::unavailable);
      EXPECT_EQ(result.error().outcome(), WriteOutcome::not_written) << number;
    }
  }
}

TEST_F(WriterCoreTest, WhatAnEarlierWriterLeftUndeletedIsDeletedAtTheOpening) {
  open();
  for (int i = 0; i < 5; ++i) submit(2);
  requests_held = true;
  core->trim({.number = 1, .before = 8}, now);
  requests_held = false;
  settle();
  requests_held = true;  // it dies before it deletes
  submit(0);
  const std::size_t objects = log.objects.size();
  requests_held = false;
  headers.clear();
  open({}, 2);
  EXPECT_FALSE(core->trimming());
  EXPECT_LT(log.objects.size(), objects);
}

// Standbys. ------------------------------------------------------------------------------------------

TEST_F(WriterCoreTest, WithAStandbyObjectsAreHandedOverAndAcknowledgedWhenItHasThem) {
  open({.replicas = {{.name = "standby", .options = {}, .in_sync = true}}});
  const Seq first = submit(2).seq;
  const Seq second = submit(1).seq;
  EXPECT_EQ(to_standby, (std::vector<WriterCommand>{{WriterCommand::Kind::hand_from, first, 0},
                                                    {WriterCommand::Kind::hand, first, 0},
                                                    {WriterCommand::Kind::hand, second, 0}}));
  EXPECT_TRUE(acknowledged.empty());
  core->trim({.number = 1, .before = 1}, now);
  settle();
  ASSERT_EQ(trimmed.size(), 1U);
  EXPECT_EQ(trimmed[0].second.error().code(), Code::out_of_range) << "nothing is acknowledged yet";
  core->on_replica(0, {.below = second, .offset = 2}, now);
  settle();
  EXPECT_EQ(acknowledged, (std::vector<Seq>{first}));
  EXPECT_FALSE(core->all_acknowledged());
}

TEST_F(WriterCoreTest, ATrimWaitsUntilTheStandbyHasSaidWhatItHas) {
  open({.replicas = {{.name = "standby", .options = {}, .in_sync = true}}});
  for (int i = 0; i < 5; ++i) submit(2);
  const Seq tail = core->appender().history().front().seal + 4 + 5;
  core->on_replica(0, {.below = tail, .offset = 10, .resumes_at = 0}, now);
  settle();
  to_standby.clear();
  core->trim({.number = 1, .before = 8}, now);
  settle();
  EXPECT_EQ(core->trim()->stage(), Trim::Stage::awaiting_standbys);
  ASSERT_FALSE(to_standby.empty());
  EXPECT_EQ(to_standby.back().kind, WriterCommand::Kind::want_checkpoint);
  EXPECT_EQ(next({}), Kind::wait);
  core->on_replica(0, {.below = tail, .offset = 10, .resumes_at = tail - 1}, now);
  settle();
  EXPECT_EQ(core->trim()->stage(), Trim::Stage::carrying);
  EXPECT_EQ(next({}), Kind::submit_empty);
}

TEST_F(WriterCoreTest, AStandbyThatIsAwayForTooLongEndsTheWriterUnlessItMayGoOnWithout) {
  for (const bool goes_on : {false, true}) {
    log = {};
    now = {.ms = 1, .unix_ms = 1};
    headers.clear();
    acknowledged.clear();
    open({.replicas = {
              {.name = "standby", .options = {.degrades = goes_on, .patience_ms = 100}, .in_sync = true}}});
    const Header header = submit(1);
    tick_at(101);
    EXPECT_EQ(core->ending().has_value(), !goes_on);
    EXPECT_EQ(acknowledged.size(), goes_on ? 1U : 0U);
    EXPECT_EQ(core->replicas().status(0).degraded, goes_on);
    if (!goes_on) {
      EXPECT_EQ(core->fate_of(header.seq).outcome(), WriteOutcome::unknown) << "it is in the log's own store";
    }
  }
}

TEST_F(WriterCoreTest, WhoeverWritesToTheStandbyEndsTheWriter) {
  open({.replicas = {
            {.name = "standby", .options = {.degrades = true, .patience_ms = 100}, .in_sync = true}}});
  submit(1);
  core->on_replica(0, {.ending = Error(Code::foreign, "somebody else's")}, now);
  ASSERT_TRUE(core->ending());
  EXPECT_EQ(core->ending()->code(), Code::foreign);
  EXPECT_TRUE(acknowledged.empty());
}

}  // namespace
}  // namespace varve::protocol
