// Retention of logs in a store: what it looks at, and what it leaves alone.
#include "varve/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/clock.h"
#include "log/system.h"
#include "object_store/metered.h"
#include "testing/faulty.h"
#include "testing/log_builder.h"
#include "varve/inspect.h"

namespace varve {
namespace {

using testing::BuiltWriter;
using ::testing::HasSubstr;
using testing::LogBuilder;

/// Two epochs of ten objects with two records each, the last one closed; window 4: DATA at 4-13 and 18-27.
/// (The closing object is 28.) A builder's clock goes on by a millisecond or more an object.
class RetentionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    {
      BuiltWriter writer = log_.open();
      for (int i = 0; i < 10; ++i) writer.put(2, 1000);
    }
    BuiltWriter writer = log_.open();
    for (int i = 0; i < 10; ++i) writer.put(2, 1000);
    writer.close();
    cursors_.emplace(Cursors::open(log_.address()).value());
  }

  [[nodiscard]] LogInfo info() const { return inspect(log_.address()).value(); }

  [[nodiscard]] RetentionPlan plan(const RetentionPolicy& policy) const {
    auto plan = plan_retention(log_.address(), policy);
    EXPECT_TRUE(plan) << plan.error().message();
    return plan ? *std::move(plan) : RetentionPlan();
  }

  [[nodiscard]] std::int64_t made_at(Seq seq) const {
    return format::decode_header(log_.load(seq))->created_unix_ms;
  }

  LogBuilder log_;
  std::optional<Cursors> cursors_;
};

TEST_F(RetentionTest, TrimsToTheLowestCursorByWholeObjects) {
  ASSERT_TRUE(cursors_->set("slow", 7));
  ASSERT_TRUE(cursors_->set("fast", 30));
  const RetentionPlan made = plan({.to_cursors = true});
  EXPECT_EQ(made.let_go_below, 7U);
  EXPECT_EQ(made.trim_before, 6U);
  EXPECT_EQ(made.objects, 3U);
  EXPECT_TRUE(made.writer_has_closed);

  const auto done = retain(log_.address(), {.to_cursors = true});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->trim.start_offset, 6U);
  EXPECT_EQ(done->trim.objects_deleted, 3U);
  EXPECT_EQ(info().start_offset, 6U);
  EXPECT_EQ(info().garbage_objects, 0U);
}

TEST_F(RetentionTest, WhatIsDoneIsNotDoneAgain) {
  ASSERT_TRUE(cursors_->set("slow", 7));
  ASSERT_TRUE(retain(log_.address(), {.to_cursors = true}));
  const auto stored = log_.stored();
  const auto again = retain(log_.address(), {.to_cursors = true});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->plan.empty());
  EXPECT_EQ(again->trim.start_offset, 6U);
  EXPECT_EQ(log_.stored(), stored) << "nothing to do must not even open the log";
}

TEST_F(RetentionTest, ByAge) {
  const auto plan_of = [&](std::int64_t now) {
    return plan_retention(log_.address(), {.max_age_ms = 1}, {.now_unix_ms = now}).value();
  };
  EXPECT_EQ(plan_of(made_at(20) + 1).trim_before, 24U);  // object 20 has records 24 and 25
  EXPECT_EQ(plan_of(made_at(20) + 1).decided_by, RetentionRule::age);
  EXPECT_TRUE(plan_of(made_at(0) + 1).empty());
  EXPECT_EQ(plan_of(made_at(28) + 1'000'000).trim_before, 40U);
}

// A little more is kept than the limit, never less: the object in which it is reached stays.
TEST_F(RetentionTest, BySizeKeepsTheNewestThatReachIt) {
  const std::uint64_t object_bytes = log_.load(5).size();
  const std::uint64_t closing_bytes = log_.load(28).size();
  const std::uint64_t all = 20 * object_bytes + closing_bytes;
  EXPECT_TRUE(plan({.max_bytes = all}).empty());
  EXPECT_TRUE(plan({.max_bytes = all - object_bytes + 1}).empty());
  EXPECT_EQ(plan({.max_bytes = all - object_bytes}).trim_before, 2U);
  EXPECT_EQ(plan({.max_bytes = all - object_bytes}).decided_by, RetentionRule::size);
  EXPECT_EQ(plan({.max_bytes = 10 * object_bytes + closing_bytes}).trim_before, 20U);
  EXPECT_EQ(plan({.max_bytes = 10 * object_bytes + closing_bytes + 1}).trim_before, 18U);
  EXPECT_EQ(plan({.max_bytes = closing_bytes + 1}).trim_before, 38U) << "not everything goes";
  EXPECT_EQ(plan({.max_bytes = closing_bytes}).trim_before, 40U);
  EXPECT_EQ(plan({.max_bytes = 1}).trim_before, 40U);

  const auto done = retain(log_.address(), {.max_bytes = 7 * object_bytes});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->plan.objects, 13U);
  EXPECT_EQ(done->plan.bytes, 13 * object_bytes);
  EXPECT_EQ(info().start_offset, 26U);
}

TEST_F(RetentionTest, ACursorHoldsBackWhatALimitWouldLetGo) {
  ASSERT_TRUE(cursors_->set("slow", 9));
  const RetentionPlan made = plan({.max_bytes = 1});
  EXPECT_EQ(made.trim_before, 8U);
  EXPECT_TRUE(made.held_back);
  EXPECT_EQ(made.lowest_cursor->name, "slow");
  EXPECT_EQ(*made.by_size, 40U);
}

// The log was restored from an older copy, and written on: nobody has read what is new in it.
TEST_F(RetentionTest, ACursorOfAnotherHistoryKeepsWhatItsOwnerHasNotRead) {
  std::vector<std::pair<Seq, std::vector<std::byte>>> copy;
  for (const Seq seq : log_.stored()) copy.emplace_back(seq, log_.load(seq));
  {
    BuiltWriter writer = log_.open();
    for (int i = 0; i < 10; ++i) writer.put(2, 1000);
    writer.close();
  }
  ASSERT_TRUE(cursors_->set("billing", 60));
  ASSERT_TRUE(cursors_->set("sound", 12));
  for (const Seq seq : log_.stored()) log_.remove(seq);
  log_.remove_checkpoint();
  for (const auto& [seq, body] : copy) log_.store({.seq = seq, .body = body});
  for (const int objects : {0, 8, 12}) {
    if (objects != 0) {
      BuiltWriter writer = log_.open();
      for (int i = 0; i < objects; ++i) writer.put(2, 1000);
      writer.close();
    }
    for (const RetentionPolicy& policy :
         {RetentionPolicy{.to_cursors = true}, RetentionPolicy{.max_bytes = 1}}) {
      const auto done = retain(log_.address(), policy);
      ASSERT_TRUE(done) << done.error().message();
      EXPECT_EQ(info().start_offset, 0U);
      ASSERT_EQ(done->plan.untrusted.size(), 1U);
      EXPECT_EQ(done->plan.untrusted[0].name, "billing");
    }
  }
  ASSERT_TRUE(cursors_->remove("billing"));
  ASSERT_TRUE(cursors_->set("billing", 40));
  ASSERT_TRUE(retain(log_.address(), {.to_cursors = true}));
  EXPECT_EQ(info().start_offset, 12U);
}

TEST_F(RetentionTest, IdleCursorsAreRemovedIfSoWished) {
  ASSERT_TRUE(cursors_->set("gone", 9));
  ASSERT_TRUE(cursors_->set("here", 9));
  const std::int64_t later = cursors_->get("here")->moved_unix_ms + 100'000;
  const RetentionPolicy policy{
      .to_cursors = true, .idle_cursors = IdleCursors::remove, .idle_after_ms = 200'000};
  ASSERT_TRUE(retain(log_.address(), policy, {.now_unix_ms = later}));
  EXPECT_EQ(cursors_->list()->size(), 2U);

  const auto done = retain(log_.address(), policy, {.now_unix_ms = later + 200'000});
  ASSERT_TRUE(done);
  EXPECT_THAT(done->cursors_removed, ::testing::ElementsAre("gone", "here"));
  EXPECT_TRUE(cursors_->list()->empty());
  EXPECT_EQ(info().start_offset, 8U) << "with no cursor left nobody is done with more";
}

// It moves on when it has been counted as idle, and is about to be removed: its place counts again.
TEST_F(RetentionTest, ACursorThatComesBackMeanwhileHoldsWhatItNeeds) {
  const std::uint64_t idle_after_ms = 100'000;
  ASSERT_TRUE(cursors_->set("gone", 9));
  const std::int64_t moved_unix_ms = cursors_->get("gone")->moved_unix_ms;
  const RetentionOptions when_idle{.now_unix_ms =
                                       moved_unix_ms + static_cast<std::int64_t>(idle_after_ms) + 1};
  const RetentionPolicy policy{
      .max_bytes = 1, .idle_cursors = IdleCursors::remove, .idle_after_ms = idle_after_ms};
  const auto faulty = std::make_shared<object_store::FaultyStore>(log_.address().store);
  faulty->add(
      {.request = object_store::RequestKind::put_if_absent, .fault = object_store::Fault::hold_request});
  std::optional<Result<RetentionReport>> done;
  std::thread retaining([&] { done = retain({faulty, log_.address().path}, policy, when_idle); });
  faulty->wait_for_held(1);  // its removal
  while (base::unix_ms() == moved_unix_ms) std::this_thread::yield();
  ASSERT_TRUE(cursors_->set("gone", 12));
  faulty->release();
  retaining.join();
  ASSERT_TRUE(*done) << done->error().message();
  EXPECT_TRUE((*done)->cursors_removed.empty());
  EXPECT_EQ(info().start_offset, 12U);
}

TEST_F(RetentionTest, AWriterThatMayBeAtWorkIsNotFenced) {
  const LogAddress log = log_.address();
  ASSERT_TRUE(cursors_->set("slow", 9));
  const auto writer = Writer::open(log).value();
  const RetentionPolicy policy{
      .to_cursors = true, .idle_cursors = IdleCursors::remove, .idle_after_ms = 1'000'000};
  const auto refused = retain(log, policy);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::invalid_argument);
  EXPECT_THAT(refused.error().message(), HasSubstr("fence"));
  ASSERT_TRUE(writer->append({}));
  ASSERT_TRUE(writer->flush());

  const auto done = retain(*writer, log, policy);
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->trim.start_offset, 8U);
  ASSERT_TRUE(writer->append({}));
  ASSERT_TRUE(writer->flush());

  ASSERT_TRUE(cursors_->set("slow", 20));
  ASSERT_TRUE(retain(log, policy, {.take_over = true}));
  ASSERT_TRUE(writer->append({}));
  EXPECT_EQ(writer->flush().error().code(), Code::fenced);
}

TEST_F(RetentionTest, WhereNothingGoesALiveWriterIsNoMatter) {
  const auto writer = Writer::open(log_.address()).value();
  EXPECT_TRUE(retain(log_.address(), {.to_cursors = true}));
}

TEST_F(RetentionTest, NeverReadsTheRecords) {
  const auto metered = std::make_shared<object_store::MeteredStore>(log_.address().store);
  ASSERT_TRUE(cursors_->set("slow", 9));
  ASSERT_TRUE(plan_retention({metered, log_.address().path}, {.max_age_ms = 1, .max_bytes = 30'000},
                             {.now_unix_ms = made_at(20)}));
  EXPECT_LT(metered->counts(object_store::RequestKind::get).bytes, 25'000U);
}

TEST_F(RetentionTest, BadInput) {
  EXPECT_EQ(plan_retention(log_.address(), {}).error().code(), Code::invalid_argument);
  const LogBuilder none;
  EXPECT_EQ(plan_retention(none.address(), {.to_cursors = true}).error().code(), Code::not_found);
  EXPECT_EQ(retain(none.address(), {.max_bytes = 1}).error().code(), Code::not_found);
}

}  // namespace
}  // namespace varve
