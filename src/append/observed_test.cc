// What a writer says of itself: metrics and events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "testing/event_recorder.h"
#include "testing/faulty.h"
#include "testing/writers.h"
#include "varve/doctor.h"

namespace varve::append {
namespace {

using namespace std::chrono_literals;
using object_store::Fault;
using object_store::FaultyStore;
using object_store::RequestKind;
using testing::ElementsAre;

TEST(WriterMetrics, CountWhatIsAcknowledgedAndWhereTheTimeWent) {
  const LogAddress log = fresh_log("metrics");
  auto writer = Writer::open(log, {.batch_bytes = std::size_t{64} << 10}).value();
  const std::string half(std::size_t{32} << 10, 'x');
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(writer->append(bytes_of(half), [](const Result<Offset>&) {}));
    ASSERT_TRUE(writer->flush());
  }
  ASSERT_TRUE(writer->close());

  const WriterMetrics metrics = writer->metrics();
  const ReadBack back = read_back(log);
  const std::size_t data_objects = back.objects.size() - 1;  // without the seal
  std::uint64_t object_bytes = 0;
  for (const format::Header& header : back.objects) {
    if (header.kind == format::Kind::data) object_bytes += header.object_bytes;
  }
  EXPECT_EQ(metrics.records, 3);
  EXPECT_EQ(metrics.record_bytes, 3 * format::stored_bytes(half.size()));
  EXPECT_EQ(metrics.objects, data_objects);
  EXPECT_EQ(metrics.object_bytes, object_bytes);
  EXPECT_EQ(metrics.batch_fill_percent.count(), 3) << "the closing object has no records, and no fill";
  EXPECT_DOUBLE_EQ(metrics.batch_fill_percent.mean(), 50);
  for (const Histogram* stage : {&metrics.queue_us, &metrics.callback_us}) EXPECT_EQ(stage->count(), 3);
  for (const Histogram* stage : {&metrics.upload_us, &metrics.order_wait_us}) {
    EXPECT_EQ(stage->count(), data_objects);
  }
  EXPECT_EQ(metrics.truncated_tail_objects, 0);
}

TEST(WriterMetrics, CountRequestsTheOpeningIncluded) {
  const LogAddress log = fresh_log("requests");
  auto writer = Writer::open(log).value();
  const StoreRequests opening = writer->metrics().requests;
  EXPECT_EQ(opening.put.asked, 2) << "the claim and the seal";
  EXPECT_GT(opening.get.asked, 0) << "is there a checkpoint?";
  EXPECT_GT(opening.get.errors[static_cast<std::size_t>(Code::not_found)], 0);
  EXPECT_EQ(opening.get.failed(), 0) << "not to be there is an answer";
  EXPECT_GT(opening.list.asked, 0);

  ASSERT_TRUE(writer->append(bytes_of("one")));
  ASSERT_TRUE(writer->flush());
  const StoreRequests after = writer->metrics().requests;
  EXPECT_EQ(after.put.asked, opening.put.asked + 1) << "one PUT a batch, nothing else";
  EXPECT_EQ(after.put.bytes - opening.put.bytes, writer->metrics().object_bytes);
  EXPECT_EQ(after.put.latency_us.count(), after.put.asked);
  EXPECT_EQ(after.get.asked + after.list.asked, opening.get.asked + opening.list.asked);
  EXPECT_DOUBLE_EQ(price_of({.puts = 1000, .gets = 1000, .lists = 1000, .deletes = 1000}),
                   0.005 + 0.005 + 0.0004);
}

TEST(WriterMetrics, AnObjectThatIsTriedAgainIsStoredOnce) {
  auto faulty = std::make_shared<FaultyStore>(fresh_log("again").store);
  auto writer = Writer::open({faulty, "log"}).value();
  faulty->add({.request = RequestKind::put_if_absent, .fault = Fault::fail});
  ASSERT_TRUE(writer->append(bytes_of("one")));
  ASSERT_TRUE(writer->flush());
  const WriterMetrics metrics = writer->metrics();
  EXPECT_EQ(metrics.objects, 1);
  EXPECT_EQ(metrics.upload_us.count(), 1);
  EXPECT_EQ(metrics.requests.put.failed(), 1);
  EXPECT_EQ(writer->status().put_retries, 1);
}

TEST(WriterEvents, OfAnOrderlyLife) {
  const LogAddress log = fresh_log("life");
  Recorder witness;
  auto writer = Writer::open(log, {.on_event = witness.callback()}).value();
  EXPECT_THAT(witness.kinds(), ElementsAre(EventKind::sealed, EventKind::opened))
      << "told before open returns";
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(writer->append(bytes_of("record")));
    ASSERT_TRUE(writer->flush());
  }
  ASSERT_TRUE(writer->trim(2));
  EXPECT_EQ(witness.wait_for(EventKind::trimmed).offset, 2);
  ASSERT_TRUE(writer->close());
  EXPECT_THAT(witness.kinds(),
              ElementsAre(EventKind::sealed, EventKind::opened, EventKind::trimmed, EventKind::closed));
  const Event closed = witness.wait_for(EventKind::closed);
  EXPECT_EQ(closed.offset, 3);
  EXPECT_EQ(closed.log, log.store->describe() + "/log");
  EXPECT_FALSE(closed.error);
}

TEST(WriterEvents, AWriterThatLostItsLogIsToldWhoHasIt) {
  const LogAddress log = fresh_log("fenced");
  Recorder witness;
  auto old_writer = Writer::open(log, {.on_event = witness.callback()}).value();
  auto new_writer = Writer::open(log).value();
  ASSERT_TRUE(old_writer->append(bytes_of("too late")));
  const Event fenced = witness.wait_for(EventKind::fenced);
  ASSERT_TRUE(fenced.error);
  EXPECT_EQ(fenced.error->code(), Code::fenced);
  EXPECT_EQ(fenced.epoch, old_writer->status().epoch);
}

TEST(WriterEvents, AStoreThatStumblesSlowsTheWriterDownAndThenItGoesOn) {
  auto faulty = std::make_shared<FaultyStore>(fresh_log("slow").store);
  Recorder witness;
  auto writer = Writer::open({faulty, "log"}, {.on_event = witness.callback()}).value();
  faulty->add({.request = RequestKind::put_if_absent, .fault = Fault::fail});
  ASSERT_TRUE(writer->append(bytes_of("one")));
  const Event slow = witness.wait_for(EventKind::slowed_down);
  ASSERT_TRUE(slow.error) << "the store said why";
  EXPECT_THAT(slow.message, testing::HasSubstr(slow.error->message()));
  EXPECT_EQ(witness.wait_for(EventKind::recovered).offset, 1);
  EXPECT_GE(writer->metrics().slowdowns, 1);
}

TEST(WriterEvents, GivingUpSaysWhatTheStoreSaid) {
  auto faulty = std::make_shared<FaultyStore>(fresh_log("gave-up").store);
  Recorder witness;
  auto writer = Writer::open({faulty, "log"}, {.give_up_ms = 20, .on_event = witness.callback()}).value();
  faulty->add({.request = RequestKind::put_if_absent, .fault = Fault::fail, .times = object_store::for_good});
  ASSERT_TRUE(writer->append(bytes_of("one")));
  const Event gave_up = witness.wait_for(EventKind::gave_up);
  ASSERT_TRUE(gave_up.error);
  EXPECT_EQ(gave_up.error->code(), Code::unavailable);
  EXPECT_EQ(to_string(gave_up.kind), "gave_up");
}

TEST(WriterEvents, AnUnfinishedTailIsCutOffAloud) {
  const LogAddress log = fresh_log("tail");
  {
    auto faulty = std::make_shared<FaultyStore>(log.store);
    auto writer = Writer::open({faulty, log.path}).value();
    faulty->add({.request = RequestKind::put_if_absent, .fault = Fault::hold_request});
    ASSERT_TRUE(writer->append(bytes_of("never stored")));
    faulty->wait_for_held(1);
    faulty->add({.request = RequestKind::put_if_absent, .fault = Fault::hold_answer});
    ASSERT_TRUE(writer->append(bytes_of("behind the hole")));
    faulty->wait_for_held(2);
    EXPECT_FALSE(writer->close(0ms));
  }
  Recorder witness;
  auto writer = Writer::open(log, {.on_event = witness.callback()});
  if (!writer) GTEST_FAIL() << writer.error().message();
  EXPECT_THAT(witness.kinds(), ElementsAre(EventKind::sealed, EventKind::truncated_tail, EventKind::opened));
  EXPECT_EQ(witness.wait_for(EventKind::truncated_tail).objects, 1);
  EXPECT_EQ((*writer)->metrics().truncated_tail_objects, 1);
}

}  // namespace
}  // namespace varve::append
