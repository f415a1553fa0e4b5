#include "object_store/latency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "object_store/metered.h"
#include "testing/faulty.h"

namespace varve::object_store {
namespace {

using namespace std::chrono_literals;

using Clock = std::chrono::steady_clock;

TEST(LatencyQuantiles, HitsItsThreePoints) {
  const LatencyQuantiles quantiles{.p50 = 100ms, .p99 = 195ms, .p999 = 274ms};
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  std::vector<double> drawn_ms(1'000'000);
  for (double& ms : drawn_ms) ms = static_cast<double>(quantiles.at(normal(random)).count()) / 1000;
  std::sort(drawn_ms.begin(), drawn_ms.end());
  EXPECT_NEAR(drawn_ms[500'000], 100, 1);
  EXPECT_NEAR(drawn_ms[990'000], 195, 2);
  EXPECT_NEAR(drawn_ms[999'000], 274, 6);
  EXPECT_GT(drawn_ms.front(), 20);
  EXPECT_LT(drawn_ms.back(), 1000);
}

TEST(LatencyQuantiles, ConstantIfAllAreEqual) {
  const LatencyQuantiles quantiles{.p50 = 5ms, .p99 = 5ms, .p999 = 5ms};
  for (const double z : {-10.0, 0.0, 2.5, 10.0}) EXPECT_EQ(quantiles.at(z), 5ms);
}

class Latency : public testing::Test {
 protected:
  std::shared_ptr<Store> below_ = *open_store("mem://latency-test");
};

TEST_F(Latency, PassesConcurrently) {
  const LatencyQuantiles constant{.p50 = 50ms, .p99 = 50ms, .p999 = 50ms};
  LatencyStore store(below_, {.put = constant});
  const auto start = Clock::now();
  std::vector<Answer<void>> answers(100);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    store.put_if_absent("wal/" + std::to_string(i), copy_bytes("x"), answers[i].done());
  }
  for (const auto& answer : answers) EXPECT_TRUE(answer.wait());
  EXPECT_GE(Clock::now() - start, 50ms);
  EXPECT_LT(Clock::now() - start, 2500ms);  // half of what they would take one by one
}

TEST_F(Latency, BodiesShareTheLine) {
  LatencyStore store(below_, {.bytes_per_second = 10'000'000});
  const auto start = Clock::now();
  std::vector<Answer<void>> answers(5);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    store.put(std::to_string(i), copy_bytes(std::string(100'000, 'x')), answers[i].done());
  }
  for (const auto& answer : answers) EXPECT_TRUE(answer.wait());
  EXPECT_GE(Clock::now() - start, 50ms);
  EXPECT_TRUE(get_now(store, "0"));
  EXPECT_GE(Clock::now() - start, 60ms);
}

TEST_F(Latency, StallsAreAdded) {
  LatencyStore store(below_, {.stall_probability = 1, .stall = 20ms});
  const auto start = Clock::now();
  EXPECT_TRUE(put_now(store, "a", copy_bytes("x")));
  EXPECT_GE(Clock::now() - start, 20ms);
}

TEST_F(Latency, AWriteLandsBeforeItsAnswerAndCanLoseIt) {
  const auto faulty = std::make_shared<FaultyStore>(below_);
  faulty->add({.request = RequestKind::put, .fault = Fault::hold_answer, .times = for_good});
  const LatencyQuantiles constant{.p50 = 1ms, .p99 = 1ms, .p999 = 1ms};
  auto store = std::make_unique<LatencyStore>(faulty, LatencyProfile{.put = constant});
  const Answer<void> answer;
  store->put("a", copy_bytes("x"), answer.done());
  faulty->wait_for_held(1);
  store.reset();
  ASSERT_TRUE(answer.ready());
  EXPECT_EQ(answer.wait().error().code(), Code::closed);
  EXPECT_EQ(answer.wait().error().outcome(), WriteOutcome::unknown);
  EXPECT_TRUE(get_now(*below_, "a"));
  EXPECT_EQ(faulty->release(), 1U);  // an answer that nobody waits for any more
}

TEST_F(Latency, WhatHasNotArrivedWhenItIsDroppedNeverLands) {
  const LatencyQuantiles hours{.p50 = 3600s, .p99 = 3600s, .p999 = 3600s};
  const auto metered = std::make_shared<MeteredStore>(below_);
  auto store = std::make_unique<LatencyStore>(metered, LatencyProfile{.put = hours});
  const Answer<void> answer;
  store->put("b", copy_bytes("x"), answer.done());
  store.reset();
  ASSERT_TRUE(answer.ready());
  EXPECT_EQ(answer.wait().error().outcome(), WriteOutcome::unknown);
  EXPECT_EQ(metered->counts(RequestKind::put).started, 0U);
}

TEST_F(Latency, RefusesBeyondItsBound) {
  const LatencyQuantiles hours{.p50 = 3600s, .p99 = 3600s, .p999 = 3600s};
  LatencyStore store(below_, {.get = hours});
  for (std::size_t i = 0; i < LatencyStore::open_max; ++i) store.get("a", {}, [](const Result<Bytes>&) {});
  const auto refused = get_now(store, "a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::unavailable);
}

}  // namespace
}  // namespace varve::object_store
