#include "append/batching/batch_pool.h"

#include <gmock/gmock.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "testing/batches.h"

namespace varve::append {
namespace {

using std::chrono::steady_clock;

std::vector<std::byte> pattern(std::size_t bytes, std::uint8_t seed) {
  std::vector<std::byte> made(bytes);
  for (std::size_t i = 0; i < bytes; ++i) made[i] = static_cast<std::byte>(seed + i * 7);
  return made;
}

class BatchPoolTest : public ::testing::Test {
 protected:
  static constexpr std::size_t batch_bytes = std::size_t{64} << 10;

  std::shared_ptr<BatchPool> make(std::size_t buffered_batches = 16) {
    return BatchPool::create({.batch_bytes = batch_bytes,
                              .buffered_bytes_max = buffered_batches * batch_bytes,
                              .window = 2,
                              .first_offset = 1000},
                             listener_);
  }

  // Takes, reads and releases every ready batch.
  void collect(BatchPool& pool) {
    while (Batch* const batch = pool.take_ready()) {
      batches_.push_back(batch->records());
      read_as_object(*batch, [&](const format::RecordView& record) {
        records_.emplace_back(record.payload.begin(), record.payload.end());
      });
      batch->for_each_callback([](Offset offset, AppendCallback& told) { told(offset); });
      pool.release(*batch);
    }
  }

  AppendCallback note() {
    return [this](const Result<Offset>& outcome) { told_.push_back(*outcome); };
  }

  CountingListener listener_;
  std::vector<std::vector<std::byte>> records_;
  std::vector<std::uint32_t> batches_;
  std::vector<Offset> told_;
};

TEST_F(BatchPoolTest, LaysRecordsOutAsTheReaderWantsThem) {
  const auto pool = make();
  std::vector<std::vector<std::byte>> expected;
  for (std::size_t bytes = 0; bytes < 600; ++bytes) {
    expected.push_back(pattern(bytes, static_cast<std::uint8_t>(bytes)));
    ASSERT_EQ(pool->append(expected.back(), note()).value(), 1000 + bytes);
  }
  EXPECT_EQ(pool->end_offset(), 1600U);
  EXPECT_TRUE(pool->close_active());
  EXPECT_FALSE(pool->close_active()) << "there is nothing left to close";
  collect(*pool);
  EXPECT_EQ(records_, expected);
  EXPECT_GT(batches_.size(), 2U);
  ASSERT_EQ(told_.size(), 600U);
  EXPECT_TRUE(std::is_sorted(told_.begin(), told_.end()));
  EXPECT_EQ(pool->buffered_bytes(), 0U);
}

TEST_F(BatchPoolTest, TellsOfTheFirstRecordAndOfReadyBatchesOnce) {
  const auto pool = make();
  EXPECT_FALSE(pool->active().has_value());
  ASSERT_TRUE(pool->append(pattern(10, 1), {}).has_value());
  ASSERT_TRUE(pool->append(pattern(10, 2), {}).has_value());
  EXPECT_EQ(listener_.first_records, 1);
  EXPECT_EQ(listener_.batches_ready, 0);
  ASSERT_TRUE(pool->active().has_value());
  EXPECT_EQ(pool->active()->records, 2U);
  EXPECT_EQ(pool->active()->bytes, 48U);
  EXPECT_EQ(pool->active()->first_append_unix_ms, listener_.now);
  EXPECT_EQ(pool->oldest_closed(), nullptr);
  EXPECT_TRUE(pool->close_active());
  EXPECT_EQ(listener_.batches_ready, 1);
  ASSERT_NE(pool->oldest_closed(), nullptr);
  EXPECT_EQ(pool->oldest_closed()->first_append_unix_ms(), listener_.now);
}

TEST_F(BatchPoolTest, AppendsManyAtOnceWithOneCallback) {
  const auto pool = make();
  const auto a = pattern(3, 1), b = pattern(0, 2), c = pattern(40'000, 3);
  const std::array<std::span<const std::byte>, 3> records{a, b, c};
  EXPECT_EQ(pool->append(a, note()).value(), 1000U);
  EXPECT_EQ(pool->append_batch(records, note()).value(), 1001U);
  EXPECT_EQ(pool->append(c, note()).value(), 1004U);  // in the next batch
  EXPECT_EQ(pool->append_batch({}, note()).error().code(), Code::invalid_argument);
  EXPECT_EQ(pool->append_batch(std::array<std::span<const std::byte>, 2>{c, c}, note()).error().code(),
            Code::invalid_argument);
  pool->close_active();
  collect(*pool);
  EXPECT_THAT(records_, ::testing::ElementsAre(a, a, b, c, c));
  EXPECT_THAT(told_, ::testing::ElementsAre(1000, 1001, 1004));
  EXPECT_THAT(batches_, ::testing::ElementsAre(4, 1));
}

TEST_F(BatchPoolTest, ReservationsMayBeShortAbandonedOrExact) {
  const auto pool = make();
  const auto payload = pattern(1000, 9);
  std::vector<Claim> claims;
  for (int i = 0; i < 4; ++i) claims.push_back(pool->reserve(payload.size()).value());
  for (const Claim& claim : claims) std::memcpy(BatchPool::payload_of(claim), payload.data(), payload.size());
  pool->close_active();
  EXPECT_EQ(pool->take_ready(), nullptr) << "an uncommitted reservation holds its batch";
  pool->commit(claims[3], 1000, 1000, note());
  pool->commit(claims[2], 1000, 0, {});
  pool->commit(claims[0], 1000, 999, note());
  EXPECT_EQ(pool->take_ready(), nullptr);
  EXPECT_EQ(listener_.batches_ready, 0);
  pool->commit(claims[1], 1000, 17, note());
  EXPECT_EQ(listener_.batches_ready, 1);
  collect(*pool);
  ASSERT_EQ(records_.size(), 4U);
  EXPECT_THAT(records_[0], ::testing::ElementsAreArray(payload.begin(), payload.begin() + 999));
  EXPECT_THAT(records_[1], ::testing::ElementsAreArray(payload.begin(), payload.begin() + 17));
  EXPECT_TRUE(records_[2].empty());
  EXPECT_EQ(records_[3], payload);
  EXPECT_THAT(told_, ::testing::ElementsAre(1000, 1001, 1003));
}

TEST_F(BatchPoolTest, LargeRecordsTravelAlone) {
  const auto pool = make();
  const auto small = pattern(10, 1), large = pattern(batch_bytes + 1, 2),
             larger = pattern(5 * batch_bytes, 3);
  EXPECT_EQ(pool->append(large, note()).value(), 1000U) << "before anything else";
  EXPECT_EQ(pool->append(small, note()).value(), 1001U);
  const Claim claim = pool->reserve(larger.size()).value();
  EXPECT_EQ(claim.offset, 1002U);
  EXPECT_EQ(pool->append(small, note()).value(), 1003U);
  std::memcpy(BatchPool::payload_of(claim), larger.data(), larger.size());
  pool->commit(claim, larger.size(), larger.size(), note());
  pool->close_active();
  collect(*pool);
  EXPECT_THAT(records_, ::testing::ElementsAre(large, small, larger, small));
  EXPECT_THAT(batches_, ::testing::ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(told_, ::testing::ElementsAre(1000, 1001, 1002, 1003));
  EXPECT_EQ(pool->buffered_bytes(), 0U);
}

TEST_F(BatchPoolTest, WhatCanNeverFitIsRefusedForGood) {
  const auto pool = make(2);
  EXPECT_EQ(pool->append(pattern(2 * batch_bytes, 0), {}).error().code(), Code::invalid_argument);
  const std::vector<std::byte> enormous(max_record_bytes + 1);
  EXPECT_EQ(pool->append(enormous, {}).error().code(), Code::invalid_argument);
  EXPECT_EQ(pool->reserve(max_record_bytes + 1).error().code(), Code::invalid_argument);
  EXPECT_EQ(pool->end_offset(), 1000U);
}

TEST_F(BatchPoolTest, OverCapacityUntilMemoryComesBack) {
  for (const std::size_t buffered_batches : {1, 3}) {
    SCOPED_TRACE(buffered_batches);
    const auto pool = make(buffered_batches);
    const auto record = pattern(1000, 5);
    std::size_t appended = 0;
    while (pool->append(record, {}).has_value()) ++appended;
    EXPECT_GE(appended, (buffered_batches - 1) * batch_bytes / 1100);
    EXPECT_LE(pool->buffered_bytes(), buffered_batches * batch_bytes);
    EXPECT_EQ(pool->append(record, {}).error().code(), Code::over_capacity);
    EXPECT_EQ(pool->append(pattern(batch_bytes - 500, 5), {}).error().code(), Code::over_capacity);
    EXPECT_EQ(pool->end_offset(), 1000 + appended) << "a refused append takes no offset";

    const std::uint64_t turn = pool->room_turn();
    EXPECT_FALSE(pool->wait_for_room(turn, steady_clock::now()));
    collect(*pool);
    EXPECT_TRUE(pool->wait_for_room(turn, steady_clock::time_point::max()));
    EXPECT_EQ(pool->append(record, {}).value(), 1000 + appended);
    pool->close_active();
    collect(*pool);
    EXPECT_EQ(records_.size(), appended + 1);
    records_.clear();
  }
}

TEST_F(BatchPoolTest, ClosedAtItsLimitItStallsAndGoesOn) {
  const auto pool = make(1);
  ASSERT_TRUE(pool->append(pattern(10, 1), {}).has_value());
  EXPECT_TRUE(pool->close_active());
  EXPECT_EQ(pool->append(pattern(10, 2), {}).error().code(), Code::over_capacity);
  EXPECT_FALSE(pool->close_active());
  collect(*pool);
  EXPECT_EQ(pool->append(pattern(10, 2), {}).value(), 1001U);
}

TEST_F(BatchPoolTest, SmallClosedBatchesAreChargedWhatTheyUse) {
  const auto pool = make(16);
  // Far more batches than would fit were each charged its whole memory; the memory bound, which is
  // (16 + window + 2) batches, ends it.
  int closed = 0;
  while (pool->append(pattern(10, 1), {}).has_value() && pool->close_active()) ++closed;
  EXPECT_GE(closed, 12);
  EXPECT_LE(closed, 16 + 4);
  EXPECT_LT(pool->buffered_bytes(), std::size_t{64} << 10);
  collect(*pool);
  EXPECT_TRUE(pool->append(pattern(10, 1), {}).has_value());
}

TEST_F(BatchPoolTest, SharedBytesKeepABatchAndThePool) {
  auto pool = make(1);
  ASSERT_TRUE(pool->append(pattern(10, 1), {}).has_value());
  pool->close_active();
  Batch* const batch = pool->take_ready();
  ASSERT_NE(batch, nullptr);
  Bytes bytes = pool->share(*batch, batch->object_bytes());
  EXPECT_EQ(bytes.data.size(), batch->object_bytes());
  pool->release(*batch);
  EXPECT_EQ(pool->append(pattern(10, 2), {}).error().code(), Code::over_capacity);
  bytes = {};
  EXPECT_EQ(pool->append(pattern(10, 2), {}).value(), 1001U) << "the last owner's end makes room";

  pool->close_active();
  Batch* const second = pool->take_ready();
  bytes = pool->share(*second, second->object_bytes());
  const std::vector<std::byte> copy(bytes.data.begin(), bytes.data.end());
  pool->release(*second);
  const std::weak_ptr<BatchPool> watched = pool;
  pool.reset();
  EXPECT_TRUE(std::ranges::equal(bytes.data, copy));
  bytes = {};
  EXPECT_TRUE(watched.expired());
}

TEST_F(BatchPoolTest, StoppedItAnswersTheReasonAndDrains) {
  const auto pool = make();
  ASSERT_TRUE(pool->append(pattern(10, 1), note()).has_value());
  const Claim claim = pool->reserve(10).value();
  EXPECT_FALSE(pool->drained());
  pool->stop(Error(Code::fenced, "someone else"));
  pool->stop(Error(Code::closed, "later"));
  EXPECT_EQ(pool->append(pattern(10, 1), note()).error().code(), Code::fenced);
  EXPECT_EQ(pool->reserve(2 * batch_bytes).error().code(), Code::fenced);
  EXPECT_EQ(pool->end_offset(), 1002U);
  EXPECT_FALSE(pool->drained());
  EXPECT_EQ(pool->take_ready(), nullptr);
  pool->commit(claim, 10, 10, note());
  collect(*pool);
  EXPECT_THAT(told_, ::testing::ElementsAre(1000, 1001));
  EXPECT_TRUE(pool->drained());
}

TEST_F(BatchPoolTest, StoppedWhileEmptyItIsDrained) {
  const auto pool = make();
  pool->stop(Error(Code::closed, "closed"));
  EXPECT_TRUE(pool->drained());
}

TEST_F(BatchPoolTest, StopWakesThoseWhoWaitForRoom) {
  const auto pool = make(1);
  while (pool->append(pattern(1000, 1), {}).has_value()) {
  }
  const std::uint64_t turn = pool->room_turn();
  std::thread waiter([&] { EXPECT_TRUE(pool->wait_for_room(turn, steady_clock::time_point::max())); });
  pool->stop(Error(Code::closed, "closed"));
  waiter.join();
}

}  // namespace
}  // namespace varve::append
