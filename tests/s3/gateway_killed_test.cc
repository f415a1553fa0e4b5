// The S3 server killed with SIGKILL under a writer and its readers, and started again: soon, and too
// late for the writer's patience.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>
#include <random>

#include "trial.h"

namespace varve::s3_trial {
namespace {

using namespace std::chrono_literals;

const WriterOptions writer_options{
    .batch_bytes = 64 << 10, .puts_per_second = 0.0, .window = 8, .buffered_bytes_max = 1 << 20};

class GatewayKilled : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(gateway.run("up"), 0); }

  LogAddress log() const { return at(place_, std::nullopt, "&deadline=500ms"); }

  /// Half of the records may be stored before the gateway is killed; the rest surely is not.
  std::future<std::string> append_half_then_rest(Writer& writer, Outcomes& outcomes, Offset end,
                                                 std::future<void> killed) const {
    return std::async(std::launch::async, [this, &writer, &outcomes, end, killed = std::move(killed)] {
      const std::string trouble = append_up_to(writer, outcomes, seed_, end / 2, deadline_);
      killed.wait_until(deadline_);
      return trouble.empty() ? append_up_to(writer, outcomes, seed_, end, deadline_) : trouble;
    });
  }

  const std::string place_ = fresh_place("killed");
  const std::uint64_t seed_ = std::random_device()();
  const Moment deadline_ = std::chrono::steady_clock::now() + 100s;
};

TEST_F(GatewayKilled, TheWriterWaitsSaysSoAndGoesOn) {
  constexpr Offset end = 3000;
  auto writer = Writer::open(log(), writer_options);
  ASSERT_TRUE(writer) << writer.error().message();
  std::future<std::string> readers[2];
  for (auto& reader : readers) {
    reader = std::async(std::launch::async, [this] { return follow(log(), seed_, 0, end, deadline_); });
  }
  Outcomes outcomes(0);
  std::promise<void> killed;
  auto appender = append_half_then_rest(**writer, outcomes, end, killed.get_future());
  ASSERT_TRUE(outcomes.wait_for(end / 3, deadline_));

  ASSERT_EQ(gateway.run("kill"), 0);
  killed.set_value();
  while (!(*writer)->status().waiting_for_store && std::chrono::steady_clock::now() < deadline_) {
    ASSERT_FALSE((*writer)->wait_durable(end, 10ms)) << "stored although the store is away";
  }
  EXPECT_TRUE((*writer)->status().waiting_for_store);
  EXPECT_FALSE((*writer)->status().failure);
  const Offset before = (*writer)->status().durable_offset;
  ASSERT_EQ(gateway.run("up"), 0);

  EXPECT_EQ(appender.get(), "");
  const auto flushed = (*writer)->flush(60s);
  ASSERT_TRUE(flushed) << flushed.error().message();
  EXPECT_LT(before, end);
  EXPECT_FALSE((*writer)->status().waiting_for_store);
  EXPECT_TRUE(outcomes.wait_for(end, deadline_));
  EXPECT_EQ(outcomes.acknowledged(), end);
  EXPECT_EQ(outcomes.complaint(), "");
  EXPECT_TRUE(outcomes.failed().empty());
  for (auto& reader : readers) EXPECT_EQ(reader.get(), "");
  EXPECT_TRUE((*writer)->close(60s));
}

TEST_F(GatewayKilled, ForTooLongEndsTheWriterAndALaterOpenRecovers) {
  constexpr Offset end = 3000;
  WriterOptions impatient = writer_options;
  impatient.give_up_ms = 3'000;
  auto writer = Writer::open(log(), impatient);
  ASSERT_TRUE(writer) << writer.error().message();
  Outcomes outcomes(0);
  std::promise<void> killed;
  auto appender = append_half_then_rest(**writer, outcomes, end, killed.get_future());
  ASSERT_TRUE(outcomes.wait_for(end / 3, deadline_));

  ASSERT_EQ(gateway.run("kill"), 0);
  killed.set_value();
  EXPECT_NE(appender.get(), "") << "appends went on though the store was away";
  EXPECT_FALSE((*writer)->flush(60s));
  const WriterStatus status = (*writer)->status();
  ASSERT_TRUE(status.failure);
  EXPECT_EQ(status.failure->code(), Code::unavailable) << status.failure->message();
  // Each append that was taken has its outcome; those acknowledged are a prefix.
  EXPECT_TRUE(outcomes.wait_for(status.end_offset, deadline_));
  EXPECT_EQ(outcomes.complaint(), "");
  const Offset acknowledged = outcomes.acknowledged();
  EXPECT_EQ(acknowledged + outcomes.failed().size(), status.end_offset);
  EXPECT_FALSE(outcomes.failed().empty());
  for (const Outcomes::Failure& failure : outcomes.failed()) {
    EXPECT_NE(failure.error.outcome(), WriteOutcome::fenced) << failure.error.message();
  }
  WriterOptions hasty = writer_options;
  hasty.open_timeout_ms = 300;
  const auto refused = Writer::open(log(), hasty);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::timed_out) << refused.error().message();

  ASSERT_EQ(gateway.run("up"), 0);
  auto successor = Writer::open(log(), writer_options);
  ASSERT_TRUE(successor) << successor.error().message();
  const Offset recovered = (*successor)->status().end_offset;
  EXPECT_GE(recovered, acknowledged);
  for (const Outcomes::Failure& failure : outcomes.failed()) {
    const bool absent = failure.error.outcome() == WriteOutcome::not_written;
    EXPECT_TRUE(!absent || failure.offset >= recovered) << failure.offset << ": not written, yet there";
  }
  Outcomes of_successor(recovered);
  EXPECT_EQ(append_up_to(**successor, of_successor, seed_, end, deadline_), "");
  EXPECT_TRUE((*successor)->close(60s));
  EXPECT_EQ(of_successor.complaint(), "");
  EXPECT_EQ(follow(log(), seed_, 0, end, deadline_), "");
}

}  // namespace
}  // namespace varve::s3_trial
