// Consumers: what they commit, and above all what they do not.
#include "varve/consumer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "consume/commit_pace.h"
#include "consume/read_marks.h"
#include "testing/faulty.h"
#include "testing/log_builder.h"

namespace varve {
namespace {

using object_store::Fault;
using object_store::FaultyStore;
using object_store::for_good;
using object_store::RequestKind;
using std::chrono::milliseconds;
using testing::BuiltWriter;
using testing::LogBuilder;

/// A log with records 0 to 19, two an object.
class ConsumerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    writer_.emplace(log_.open());
    for (int i = 0; i < 10; ++i) writer_->put(2);
    cursors_.emplace(Cursors::open(log_.address()).value());
  }

  [[nodiscard]] std::unique_ptr<Consumer> open(ConsumerOptions options = {}) const {
    auto consumer = Consumer::open(log_.address(), "copy", options);
    EXPECT_TRUE(consumer) << consumer.error().message();
    return consumer ? *std::move(consumer) : nullptr;
  }

  /// Where somebody who starts anew would begin.
  [[nodiscard]] Offset stored() const { return cursors_->get("copy").value().offset; }

  /// Takes records, the first one of which must be `from`, and calls them done.
  static void work(Consumer& consumer, Offset from, Offset to) {
    for (Offset offset = from; offset < to; ++offset) {
      const auto record = consumer.next();
      ASSERT_TRUE(record) << record.error().message();
      ASSERT_TRUE(*record);
      ASSERT_EQ((*record)->offset, offset);
      ASSERT_TRUE(consumer.done(offset));
    }
  }

  LogBuilder log_;
  std::optional<BuiltWriter> writer_;
  std::optional<Cursors> cursors_;
  const std::shared_ptr<FaultyStore> faulty_ = std::make_shared<FaultyStore>(log_.address().store);
};

constexpr ConsumerOptions by_hand{.commit_every_records = 0, .commit_every_ms = 0};

TEST_F(ConsumerTest, ANewCursorBeginsWhereTheLogDoesAndHoldsItFromThenOn) {
  const auto consumer = open();
  EXPECT_EQ(stored(), 0U);
  EXPECT_EQ(consumer->committed_below(), 0U);
}

TEST_F(ConsumerTest, ANewCursorBeginsWhereItIsTold) {
  {
    const auto consumer = open({.reader = {.last = 5}});
    work(*consumer, 15, 16);
    ASSERT_TRUE(consumer->close());
  }
  work(*open({.reader = {.last = 1}}), 16, 17);  // by now there is a cursor
}

TEST_F(ConsumerTest, CommitsWhatIsDoneAndNothingElse) {
  auto consumer = open(by_hand);
  work(*consumer, 0, 3);
  ASSERT_TRUE(consumer->next().value());  // handed out, not done
  EXPECT_EQ(stored(), 0U);
  ASSERT_TRUE(consumer->commit());
  EXPECT_EQ(stored(), 3U);
  work(*consumer, 4, 6);  // which says that 3 is done, too
  consumer.reset();
  EXPECT_EQ(stored(), 3U) << "a crash commits nothing";

  consumer = open(by_hand);
  work(*consumer, 3, 20);
  EXPECT_FALSE(consumer->next().value());
  ASSERT_TRUE(consumer->close());
  EXPECT_EQ(stored(), 20U);
}

TEST_F(ConsumerTest, WhatWasNotHandedOutCannotBeDone) {
  const auto consumer = open(by_hand);
  EXPECT_EQ(consumer->done(0).error().code(), Code::invalid_argument);
  work(*consumer, 0, 2);
  EXPECT_EQ(consumer->done(2).error().code(), Code::invalid_argument);
  ASSERT_TRUE(consumer->done(0)) << "late news of an early one changes nothing";
  EXPECT_EQ(consumer->done_below(), 2U);
}

TEST_F(ConsumerTest, CommitsEverySoManyRecords) {
  const auto consumer = open({.commit_every_records = 4, .commit_every_ms = 0});
  work(*consumer, 0, 3);
  EXPECT_EQ(stored(), 0U);
  work(*consumer, 3, 4);
  EXPECT_EQ(stored(), 4U);
  work(*consumer, 4, 11);
  EXPECT_EQ(stored(), 8U);
}

TEST_F(ConsumerTest, CommitsInTimeWhileItWaitsForMore) {
  const auto consumer = open({.commit_every_records = 0, .commit_every_ms = 1, .reader = {.follow = true}});
  work(*consumer, 0, 20);
  EXPECT_FALSE(consumer->next(milliseconds(50)).value());
  EXPECT_EQ(stored(), 20U);
}

TEST(CommitPace, IsDueAfterSoManyRecordsOrSoLong) {
  const consume::CommitPace::Time start{};
  consume::CommitPace pace(10, 100);
  EXPECT_FALSE(pace.due(start));
  EXPECT_FALSE(pace.due_at());
  pace.on_done(1, start);
  EXPECT_EQ(pace.due_at(), start + milliseconds(100));
  pace.on_done(9, start + milliseconds(60));
  EXPECT_FALSE(pace.due(start + milliseconds(99)));
  EXPECT_TRUE(pace.due(start + milliseconds(100)));
  pace.on_committed();
  EXPECT_FALSE(pace.due(start + milliseconds(100)));
  pace.on_done(10, start + milliseconds(110));
  EXPECT_TRUE(pace.due(start + milliseconds(110)));
  pace.on_failed(start + milliseconds(110));
  EXPECT_FALSE(pace.due(start + milliseconds(110)));
  EXPECT_TRUE(pace.due(start + milliseconds(210)));
}

TEST_F(ConsumerTest, AnotherUnderTheSameNameFencesIt) {
  const auto first = open(by_hand);
  const auto second = open(by_hand);
  work(*first, 0, 2);
  work(*second, 0, 5);
  ASSERT_TRUE(second->commit());
  EXPECT_EQ(first->commit().error().code(), Code::fenced);
  EXPECT_EQ(first->next().error().code(), Code::fenced);
  EXPECT_EQ(first->done(0).error().code(), Code::fenced);
  EXPECT_EQ(first->close().error().code(), Code::fenced);
  EXPECT_EQ(stored(), 5U);
}

TEST_F(ConsumerTest, ACursorThatIsRemovedFencesIt) {
  const auto consumer = open(by_hand);
  work(*consumer, 0, 2);
  ASSERT_TRUE(cursors_->remove("copy"));
  EXPECT_EQ(consumer->commit().error().code(), Code::fenced);
}

TEST_F(ConsumerTest, ALogThatWasTrimmedPastItSaysWhereToResume) {
  open(by_hand).reset();
  writer_->trim(8);
  writer_->sweep();
  const auto refused = Consumer::open(log_.address(), "copy", by_hand);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::out_of_range);
  EXPECT_EQ(refused.error().valid_range()->begin, 8U);

  const auto consumer = open({.commit_every_records = 0, .commit_every_ms = 0, .skip_trimmed = true});
  EXPECT_EQ(consumer->skipped(), 8U);
  work(*consumer, 8, 9);
  ASSERT_TRUE(consumer->close());
  EXPECT_EQ(stored(), 9U);
}

TEST_F(ConsumerTest, ALogThatIsTrimmedPastItWhileItReads) {
  ConsumerOptions options = by_hand;
  options.reader.read_ahead_objects = 1;
  options.reader.read_ahead_bytes = 1;
  const auto stays = open(options);
  work(*stays, 0, 2);
  options.skip_trimmed = true;
  const auto skips = Consumer::open(log_.address(), "skipper", options).value();
  work(*skips, 0, 2);
  writer_->trim(16);
  writer_->sweep();
  Offset reached = 2;  // one object may be there already
  auto record = skips->next();
  for (; record && *record && (*record)->offset == reached; record = skips->next()) ++reached;
  ASSERT_TRUE(record) << record.error().message();
  ASSERT_TRUE(*record);
  EXPECT_EQ((*record)->offset, 16U);
  EXPECT_EQ(skips->skipped(), 16 - reached);
  EXPECT_EQ(skips->done_below(), reached == 2 ? 16U : 2U) << "what was handed out is not done by itself";

  auto told = stays->next();
  while (told && *told) told = stays->next();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code(), Code::out_of_range);
  EXPECT_EQ(told.error().valid_range()->begin, 16U);
}

TEST_F(ConsumerTest, WhatWasHandedOutStaysUndoneThoughTheRestIsTrimmedAway) {
  ConsumerOptions options = by_hand;
  options.skip_trimmed = true;
  options.reader.read_ahead_objects = 1;
  options.reader.read_ahead_bytes = 1;
  const auto consumer = open(options);
  work(*consumer, 0, 1);
  ASSERT_TRUE(consumer->next().value());  // record 1, not done
  writer_->trim(16);
  writer_->sweep();
  for (Offset offset = 0; offset != 16;) {  // one object may be there already
    const auto record = consumer->next();
    ASSERT_TRUE(record && *record);
    offset = (*record)->offset;
  }
  EXPECT_GT(consumer->skipped(), 0U);
  EXPECT_EQ(consumer->done_below(), 1U);
  ASSERT_TRUE(consumer->commit());
  EXPECT_EQ(stored(), 1U);
}

TEST_F(ConsumerTest, AMoveWithoutAnAnswerIsNoFencing) {
  ConsumerOptions options = by_hand;
  options.reader.give_up_ms = 300;
  const auto consumer = Consumer::open({faulty_, log_.address().path}, "copy", options).value();
  work(*consumer, 0, 3);
  // The move is made, and the store goes away before it is looked back on.
  faulty_->add({.request = RequestKind::list, .fault = Fault::fail, .times = for_good});
  EXPECT_FALSE(consumer->commit());
  EXPECT_EQ(stored(), 3U);
  EXPECT_EQ(consumer->committed_below(), 0U);
  faulty_->heal();
  work(*consumer, 3, 5);
  // Now it is not made.
  faulty_->add({.request = RequestKind::put_if_absent, .fault = Fault::fail, .times = for_good});
  EXPECT_FALSE(consumer->commit());
  EXPECT_EQ(stored(), 3U);
  faulty_->heal();
  work(*consumer, 5, 6);
  const auto closed = consumer->close();
  ASSERT_TRUE(closed) << closed.error().message();
  EXPECT_EQ(stored(), 6U);
}

TEST_F(ConsumerTest, StopEndsAWait) {
  const auto consumer = open({.reader = {.follow = true}});
  work(*consumer, 0, 20);
  consumer->stop();
  EXPECT_FALSE(consumer->next().value());
  writer_->put(1);
  work(*consumer, 20, 21);
}

TEST_F(ConsumerTest, BadInput) {
  EXPECT_EQ(Consumer::open(log_.address(), "a/b").error().code(), Code::invalid_argument);
  const LogBuilder none;
  EXPECT_EQ(Consumer::open(none.address(), "copy").error().code(), Code::not_found);
}

/// The bytes of the log, to be put back later.
using Snapshot = std::vector<std::pair<Seq, std::vector<std::byte>>>;
Snapshot snapshot_of(const LogBuilder& log) {
  Snapshot copy;
  for (const Seq seq : log.stored()) copy.emplace_back(seq, log.load(seq));
  return copy;
}
void restore(LogBuilder& log, const Snapshot& copy) {
  for (const Seq seq : log.stored()) log.remove(seq);
  log.remove_checkpoint();
  for (const auto& [seq, body] : copy) log.store({.seq = seq, .body = body});
}

// Nine records would never be delivered: those of the new history below the old cursor.
TEST_F(ConsumerTest, DoesNotGoOnInAnotherHistoryOfTheLog) {
  const Snapshot copy = snapshot_of(log_);
  for (int i = 0; i < 5; ++i) writer_->put(2);
  {
    const auto consumer = open(by_hand);
    work(*consumer, 0, 29);
    ASSERT_TRUE(consumer->close());
  }
  for (const bool skips : {false, true}) {
    restore(log_, copy);
    const auto beyond = Consumer::open(log_.address(), "copy", {.skip_trimmed = skips});
    ASSERT_FALSE(beyond);
    EXPECT_EQ(beyond.error().code(), Code::out_of_range) << beyond.error().message();
    BuiltWriter another = log_.open();
    for (int i = 0; i < 10; ++i) another.put(2);
    const auto other = Consumer::open(log_.address(), "copy", {.skip_trimmed = skips});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code(), Code::foreign) << other.error().message();
  }
  ASSERT_TRUE(cursors_->remove("copy"));
  ASSERT_TRUE(cursors_->set("copy", 20));
  const auto consumer = open(by_hand);
  work(*consumer, 20, 40);
  EXPECT_TRUE(consumer->close());
}

// Every commit binds to what was read, wherever in an object it stands.
TEST_F(ConsumerTest, EveryCommitIsOfTheHistoryThatWasRead) {
  const Snapshot copy = snapshot_of(log_);
  for (int i = 0; i < 5; ++i) writer_->put(2);
  const Snapshot whole = snapshot_of(log_);
  restore(log_, copy);
  {
    BuiltWriter another = log_.open();
    for (int i = 0; i < 5; ++i) another.put(2);
  }
  const Snapshot other = snapshot_of(log_);
  restore(log_, whole);
  const auto consumer = open(by_hand);
  for (Offset offset = 0; offset < 30; ++offset) {
    work(*consumer, offset, offset + 1);
    ASSERT_TRUE(consumer->commit());
    restore(log_, other);
    EXPECT_EQ(Cursors::open(log_.address())->get("copy").has_value(), offset + 1 <= 20) << offset;
    restore(log_, whole);
    EXPECT_TRUE(Cursors::open(log_.address())->get("copy")) << offset;
  }
}

TEST(ReadMarks, AreOfTheObjectThatHoldsTheRecordBefore) {
  consume::ReadMarks marks;
  for (Offset offset = 5; offset <= 8; ++offset) marks.add({offset, 100});
  for (Offset offset = 9; offset <= 10; ++offset) marks.add({offset, 200});
  marks.add({50, 300});  // what lay between was trimmed away
  EXPECT_FALSE(marks.at(4));
  EXPECT_EQ(marks.at(5)->history, 100U);
  EXPECT_EQ(marks.at(8)->history, 100U);
  EXPECT_EQ(marks.at(9)->history, 200U);
  EXPECT_EQ(marks.at(9)->offset, 9U);
  EXPECT_FALSE(marks.at(11));
  EXPECT_FALSE(marks.at(49));
  EXPECT_EQ(marks.at(50)->history, 300U);
  marks.forget_below(9);
  EXPECT_FALSE(marks.at(8));
  EXPECT_EQ(marks.at(10)->history, 200U);
  for (Offset offset = 60; offset < 70'000; offset += 2) marks.add({offset, offset});
  EXPECT_LE(marks.size(), consume::ReadMarks::objects_max);
  EXPECT_EQ(marks.at(60)->history, 60U);
  EXPECT_FALSE(marks.at(69'998)) << "is looked up";
}

}  // namespace
}  // namespace varve
