// Retries, pacing and deadlines, without sockets, threads or clocks.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "object_store/s3/retry.h"
#include "testing/s3_engine.h"

namespace varve::object_store::s3 {
namespace {

TEST_F(EngineTest, ASuccessEndsOnce) {
  const int id = put();
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_.begin()->second.path, "/k");
  answer(status(200));
  EXPECT_TRUE(succeeded(id));
  EXPECT_TRUE(engine_->idle());
  EXPECT_FALSE(engine_->next_wakeup());
}

TEST_F(EngineTest, AFaultIsTriedAgainAndABodyIsKept) {
  const int id = put();
  answer(status(500));
  EXPECT_TRUE(open(id));
  EXPECT_TRUE(sent_.empty());
  pass(seconds(1));
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_.begin()->second.body.data.size(), 1U);
  answer(status(200));
  EXPECT_TRUE(succeeded(id));
  EXPECT_EQ(engine_->metrics().sent.puts, 2U);
  EXPECT_EQ(engine_->metrics().retries_failed, 1U);
}

TEST_F(EngineTest, TheBodyIsLetGoBeforeDone) {
  Bytes body = copy_bytes("x");
  const std::weak_ptr<const void> owner = body.owner;
  bool gone = false;
  engine_->submit(
      make_put(*dialect_, "k", std::move(body), true, [&](const Result<void>&) { gone = owner.expired(); }),
      now_);
  answer(status(200));
  EXPECT_TRUE(gone);
}

TEST_F(EngineTest, WhatMayHaveLandedStaysUnknown) {
  const int id = put();
  answer(cut(true));
  pass(seconds(1));
  answer(status(403, "AccessDenied"));
  EXPECT_EQ(code(id), Code::denied);
  EXPECT_EQ(outcome(id), WriteOutcome::unknown);
}

TEST_F(EngineTest, WhatNeverArrivedIsNotWritten) {
  const int id = put();
  while (open(id)) {
    answer(cut(false));
    if (open(id)) pass(seconds(60));
  }
  EXPECT_EQ(code(id), Code::unavailable);
  EXPECT_EQ(outcome(id), WriteOutcome::not_written);
  EXPECT_LE(now_ - Moment(seconds(1000)), settings_.deadline + milliseconds(1));
}

TEST_F(EngineTest, MeetingItsOwnEarlierTryIsAlreadyExists) {
  const int id = put();
  answer(cut(true));
  pass(seconds(1));
  answer(status(412));
  EXPECT_EQ(code(id), Code::already_exists);
  EXPECT_EQ(outcome(id), WriteOutcome::unknown);
}

TEST_F(EngineTest, AnAttemptNeverOutlivesTheDeadline) {
  settings_.deadline = seconds(16);
  remake();
  put();
  EXPECT_EQ(timeouts_[newest()], settings_.attempt_timeout);
  now_ += seconds(10);
  answer(cut(true));
  pass(seconds(1));
  EXPECT_LE(timeouts_[newest()], seconds(6));
}

// What the store said last is why, and not that the time was over while it was asked once more.
TEST_F(EngineTest, ATryThatTheDeadlineCutsShortHidesNoReason) {
  settings_.deadline = seconds(16);
  remake();
  const int id = put();
  now_ += seconds(10);
  answer(status(500, "TheReason"));
  pass(seconds(1));
  now_ += seconds(6);
  HttpAnswer too_late;
  too_late.failure = Failure::timed_out;
  answer(std::move(too_late));
  ASSERT_FALSE(open(id));
  EXPECT_NE(message(id).find("TheReason"), std::string::npos) << message(id);
}

TEST_F(EngineTest, LargeBodiesGetMoreTime) {
  put("k", true, copy_bytes(std::string(std::size_t{10} << 20, 'x')));
  EXPECT_EQ(timeouts_[newest()], settings_.attempt_timeout + seconds(10));
}

TEST_F(EngineTest, OnlySoManyAreUnderWay) {
  for (int i = 0; i < 20; ++i) put();
  EXPECT_EQ(sent_.size(), 8U);
  answer(status(200));
  EXPECT_EQ(sent_.size(), 8U);
  for (int i = 0; i < 19; ++i) answer(status(200));
  EXPECT_TRUE(engine_->idle());
}

TEST_F(EngineTest, ThrottlingSlowsEveryoneAndRecovers) {
  for (int i = 0; i < 8; ++i) put();
  for (int i = 0; i < 8; ++i) answer(status(503, "SlowDown"));
  EXPECT_EQ(engine_->concurrency_limit(), 4U) << "one burst counts once";
  for (int i = 0; i < 200 && !engine_->idle(); ++i) {
    pass(seconds(5));
    EXPECT_LE(sent_.size(), 5U);
    while (!sent_.empty()) answer(status(200));
  }
  EXPECT_TRUE(engine_->idle());
  for (int i = 0; i < 100; ++i) {
    put();
    answer(status(200));
  }
  EXPECT_EQ(engine_->concurrency_limit(), 8U);
}

// As when a log is opened: many reads at once, and a store that has enough of them.
TEST_F(EngineTest, ReadsAreSlowedDownAndSlowDownToo) {
  for (int i = 0; i < 20; ++i) get();
  EXPECT_EQ(sent_.size(), 8U);
  while (!sent_.empty() && engine_->concurrency_limit() == 8) answer(status(429));
  EXPECT_EQ(engine_->concurrency_limit(), 4U);
  while (!sent_.empty()) answer(status(429));
  int most = 0;
  HttpAnswer good = status(206);
  good.content_range = ContentRange{.begin = 0, .last = 0};
  good.body = copy_bytes("x");
  for (int i = 0; i < 200 && !engine_->idle(); ++i) {
    pass(seconds(5));
    most = std::max(most, static_cast<int>(sent_.size()));
    while (!sent_.empty()) answer(good);
  }
  EXPECT_TRUE(engine_->idle());
  EXPECT_LE(most, 6) << "four, and what the successes have earned";
  EXPECT_GT(engine_->concurrency_limit(), 4U) << "and recovers";
}

TEST_F(EngineTest, RetryAfterIsObeyed) {
  put();
  HttpAnswer slow = status(503, "SlowDown");
  slow.retry_after_s = 5;
  answer(std::move(slow));
  pass(milliseconds(4'999));
  EXPECT_TRUE(sent_.empty());
  pass(milliseconds(1));
  EXPECT_EQ(sent_.size(), 1U);
}

TEST_F(EngineTest, WhatWaitsTooLongEnds) {
  for (int i = 0; i < 8; ++i) put();
  const int id = put();
  pass(seconds(60));
  EXPECT_EQ(code(id), Code::timed_out);
  EXPECT_EQ(outcome(id), WriteOutcome::not_written);
}

TEST_F(EngineTest, DeletionsGiveWay) {
  remove({"a", "b"});
  remove({"a", "b"});
  EXPECT_EQ(sent_.size(), 1U) << "an eighth of the limit";
  for (int i = 0; i < 8; ++i) put();
  EXPECT_EQ(sent_.size(), 8U);
  answer(status(200, ""));  // the deletion's: garbage, tried again later
  EXPECT_EQ(sent_.size(), 8U) << "puts first";
}

TEST_F(EngineTest, OnlyTheKeysThatFailedAreDeletedAgain) {
  const int id = remove({"a", "b", "c"});
  HttpAnswer partly = status(200);
  partly.body = copy_bytes(
      "<DeleteResult><Error><Key>b</Key><Code>InternalError</Code></Error>"
      "<Error><Key>c</Key><Code>AccessDenied</Code></Error></DeleteResult>");
  answer(std::move(partly));
  EXPECT_TRUE(open(id));
  pass(seconds(1));
  ASSERT_EQ(sent_.size(), 1U);
  const auto body = sent_.begin()->second.body.data;
  const std::string text(reinterpret_cast<const char*>(body.data()), body.size());
  EXPECT_NE(text.find("<Key>b<"), std::string::npos);
  EXPECT_EQ(text.find("<Key>a<"), std::string::npos);
  HttpAnswer good = status(200);
  good.body = copy_bytes("<DeleteResult/>");
  answer(std::move(good));
  EXPECT_FALSE(open(id));
  ASSERT_EQ(failures_.size(), 1U);
  EXPECT_EQ(failures_[0].key, "c");
  EXPECT_EQ(failures_[0].error.code(), Code::denied);
}

TEST_F(EngineTest, WithoutMultiDeleteKeysGoOneByOne) {
  const int id = remove({"a", "b"});
  answer(status(501, "NotImplemented"));
  EXPECT_EQ(sent_.begin()->second.method, Method::del);
  answer(status(204));
  answer(status(204));
  EXPECT_FALSE(open(id));
  EXPECT_TRUE(failures_.empty());
}

TEST_F(EngineTest, StaleCredentialsAreFetchedAnewAndTheRequestGoesOn) {
  const int id = put();
  answer(status(400, "ExpiredToken"));
  EXPECT_EQ(credentials_refused_, 1);
  engine_->hold();
  pass(seconds(1));
  EXPECT_TRUE(sent_.empty());
  engine_->release(now_);
  ASSERT_EQ(sent_.size(), 1U);
  answer(status(200));
  EXPECT_TRUE(succeeded(id));
}

TEST_F(EngineTest, CredentialsThatStayBadEndInDenied) {
  const int id = put();
  for (int i = 0; i < 3; ++i) {
    answer(status(403, "InvalidAccessKeyId"));
    pass(seconds(1));
  }
  EXPECT_EQ(code(id), Code::denied);
  EXPECT_EQ(outcome(id), WriteOutcome::not_written);
}

TEST_F(EngineTest, AWrongClockIsCorrectedAndTheRequestGoesOn) {
  const int id = put();
  HttpAnswer skewed = status(403, "RequestTimeTooSkewed");
  skewed.date_unix_s = 3600;  // the test's clock says 0
  answer(skewed);
  EXPECT_EQ(clock_ahead_s_, 3600);
  pass(seconds(1));
  answer(status(200));
  EXPECT_TRUE(succeeded(id));
  const int hopeless = put();
  for (int i = 0; i < 3; ++i) {
    answer(skewed);
    pass(seconds(1));
  }
  EXPECT_EQ(code(hopeless), Code::denied);
  EXPECT_EQ(outcome(hopeless), WriteOutcome::not_written);
}

TEST_F(EngineTest, WithoutCredentialsWhatWaitsFailsWithTheReason) {
  engine_->hold();
  const int id = put();
  EXPECT_TRUE(sent_.empty());
  engine_->fail_waiting(Error(Code::denied, "no credentials found"));
  EXPECT_EQ(code(id), Code::denied);
}

TEST_F(EngineTest, ClosingAnswersEverything) {
  const int under_way = put();
  engine_->hold();
  const int waiting = put();
  engine_->close();
  EXPECT_EQ(code(under_way), Code::closed);
  EXPECT_EQ(outcome(under_way), WriteOutcome::unknown);
  EXPECT_EQ(code(waiting), Code::closed);
  EXPECT_EQ(outcome(waiting), WriteOutcome::not_written);
  EXPECT_EQ(cancelled_.size(), 1U);
}

TEST_F(EngineTest, ARangeTheServerIgnoredIsCutOut) {
  std::string got;
  engine_->submit(make_get(*dialect_, "k", {.offset = 2, .length = 3},
                           [&](const Result<Bytes>& result) {
                             got.assign(reinterpret_cast<const char*>(result->data.data()),
                                        result->data.size());
                           }),
                  now_);
  HttpAnswer whole = status(200);
  whole.body = copy_bytes("0123456789");
  answer(std::move(whole));
  EXPECT_EQ(got, "234");
}

TEST_F(EngineTest, AnotherRangeThanWasAskedForIsRefused) {
  const int id = get();
  HttpAnswer other = status(206);
  other.content_range = ContentRange{.begin = 7, .last = 9};
  other.body = copy_bytes("789");
  answer(std::move(other));
  EXPECT_TRUE(open(id));
}

// A front that is cut on the way must not pass for a damaged object.
TEST_F(EngineTest, LessThanTheAnswerSaysIsRefused) {
  const int id = get();
  HttpAnswer cut = status(206);
  cut.content_range = ContentRange{.begin = 0, .last = 9};
  cut.body = copy_bytes("01234");
  answer(std::move(cut));
  EXPECT_TRUE(open(id));
}

TEST(Backoff, IsJitteredGrowsAndIsBounded) {
  EXPECT_EQ(backoff(1, false, 0), Span::zero());
  EXPECT_LE(backoff(1, false, 0.999), milliseconds(50));
  EXPECT_GT(backoff(4, false, 0.999), milliseconds(300));
  EXPECT_GT(backoff(1, true, 0.999), milliseconds(200));
  EXPECT_LE(backoff(1'000'000, true, 0.999), seconds(10));
}

/// Whatever answers come, in whatever order: each request ends once, none hangs, nothing is left
/// over, and "not written" is said only if nothing may have landed.
RC_GTEST_FIXTURE_PROP(EngineTest, EveryRequestEndsOnceAndTellsTheTruth,
                      (const std::vector<std::uint8_t>& tape)) {
  std::map<std::string, bool> may_have_landed;
  int count = 0;
  const auto answer_one = [&](std::uint8_t how) {
    auto attempt = sent_.begin();
    std::advance(attempt, how / 16 % sent_.size());
    const std::string path = attempt->second.path;
    HttpAnswer with;
    switch (how % 8) {
      case 0:
        with = status(200);
        break;
      case 1:
        with = status(412);
        break;
      case 2:
        with = cut(true);
        may_have_landed[path] = true;
        break;
      case 3:
        with = cut(false);
        break;
      case 4:
        with = status(503, "SlowDown");
        may_have_landed[path] = true;
        break;
      case 5:
        with = status(403, "AccessDenied");
        break;
      case 6:
        with = status(409, "ConditionalRequestConflict");
        break;
      default:
        with = status(403, "InvalidAccessKeyId");
        break;
    }
    answer(attempt->first, std::move(with));
  };
  teach();
  const int first = static_cast<int>(ended_.size());
  for (const std::uint8_t step : tape) {
    if (step % 5 == 0) put(std::to_string(first + count++));
    if (step % 5 == 1) pass(milliseconds(step));
    if (step % 5 > 1 && !sent_.empty()) answer_one(step);
  }
  while (!engine_->idle()) {
    if (!sent_.empty()) answer_one(3);
    pass(seconds(1));
  }
  RC_ASSERT(sent_.empty());
  RC_ASSERT(!engine_->next_wakeup());
  for (int id = first; id < first + count; ++id) {
    RC_ASSERT(ended_[id].calls == 1);
    if (!ended_[id].error || ended_[id].error->outcome() != WriteOutcome::not_written) continue;
    RC_ASSERT(!may_have_landed["/" + std::to_string(id)]);
  }
}

}  // namespace
}  // namespace varve::object_store::s3
