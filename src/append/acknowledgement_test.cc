// When callbacks come, how often, and in what order; and that what is being uploaded stays as it is.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "log/append_notifier.h"
#include "testing/broken_stores.h"
#include "testing/faulty.h"
#include "testing/writers.h"

namespace varve::append {
namespace {

using namespace std::chrono_literals;
using object_store::Fault;
using object_store::FaultyStore;
using object_store::RequestKind;

/// What callbacks have said, in the order they came.
class Told {
 public:
  AppendCallback callback() {
    return [this](const Result<Offset>& outcome) {
      const std::lock_guard lock(mutex_);
      all_.push_back(outcome);
      grew_.notify_all();
    };
  }
  [[nodiscard]] std::size_t count() {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }
  /// In time, that is; fewer if not.
  std::vector<Result<Offset>> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    grew_.wait_for(lock, 5s, [&] { return all_.size() >= count; });
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable grew_;
  std::vector<Result<Offset>> all_;
};

class Acknowledgement : public testing::Test {
 protected:
  void open(WriterOptions options = {}) {
    Result<std::unique_ptr<Writer>> writer = Writer::open({store_, below_.path}, options);
    ASSERT_TRUE(writer) << writer.error().message();
    writer_ = *std::move(writer);
  }
  void append(std::size_t records) {
    for (std::size_t i = 0; i < records; ++i) {
      ASSERT_TRUE(writer_->append(bytes_of("record"), told_.callback()));
    }
  }
  void hold_puts() {
    store_->add({.request = RequestKind::put_if_absent, .fault = Fault::hold_request, .times = UINT64_MAX});
  }

  const LogAddress below_ = fresh_log(testing::UnitTest::GetInstance()->current_test_info()->name());
  const std::shared_ptr<FaultyStore> store_ = std::make_shared<FaultyStore>(below_.store);
  Told told_;
  std::unique_ptr<Writer> writer_;
};

TEST_F(Acknowledgement, ComesWithoutAnyoneWaitingForIt) {
  open();
  for (std::size_t i = 1; i <= 20; ++i) {
    append(1);
    ASSERT_EQ(told_.wait_for(i).size(), i);
  }
}

TEST_F(Acknowledgement, ReadersInTheProcessHearOfItNoLaterThanCallbacks) {
  open();
  std::atomic<std::size_t> heard = 0;
  const log::AppendNotifier::Listener listener(log::AppendNotifier::of({store_, below_.path}),
                                               [&] { ++heard; });
  for (std::size_t i = 1; i <= 5; ++i) {
    append(1);
    ASSERT_EQ(told_.wait_for(i).size(), i);
    EXPECT_GE(heard, i);
  }
}

TEST_F(Acknowledgement, ComesForAReservationThatIsCommittedLate) {
  open();
  Result<Reservation> reservation = writer_->reserve(6);
  ASSERT_TRUE(reservation);
  append(1);
  EXPECT_FALSE(writer_->flush(0ms));  // the batch is closed, and waits for the reservation
  EXPECT_EQ(writer_->wait_durable(1, 50ms).error().code(), Code::timed_out);
  reservation->commit(6, told_.callback());
  EXPECT_EQ(told_.wait_for(2).size(), 2U);
}

TEST_F(Acknowledgement, ComesOnceItIsStoredAndNotBefore) {
  open();
  hold_puts();
  append(3);
  EXPECT_FALSE(writer_->flush(0ms));
  store_->wait_for_held(1);
  EXPECT_EQ(writer_->wait_durable(1, 50ms).error().code(), Code::timed_out);
  EXPECT_EQ(told_.count(), 0U);
  store_->heal();
  store_->release();
  EXPECT_TRUE(writer_->close());
  const auto told = told_.wait_for(3);
  ASSERT_EQ(told.size(), 3U);
  for (Offset i = 0; i < 3; ++i) EXPECT_EQ(told[i].value(), i);
}

TEST_F(Acknowledgement, TheWatermarkSaysNotOneTooMany) {
  open();
  append(1);  // one object: the watermark moves once
  ASSERT_TRUE(writer_->wait_durable(1, 10s));
  const Result<void> next = writer_->wait_durable(2, 1ms);
  ASSERT_FALSE(next) << "there is no such record";
  EXPECT_EQ(next.error().code(), Code::timed_out);
}

TEST_F(Acknowledgement, EachIsToldWhenTheWriterFails) {
  open({.give_up_ms = 30});
  hold_puts();
  append(3);
  EXPECT_FALSE(writer_->flush(10s));
  EXPECT_EQ(told_.wait_for(3).size(), 3U);
  EXPECT_FALSE(writer_->close());
  for (const Result<Offset>& outcome : told_.wait_for(3)) {
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code(), Code::unavailable);
  }
}

TEST_F(Acknowledgement, HasComeForAllWhenCloseReturns) {
  open();
  constexpr int records = 40;
  std::atomic<int> told = 0;
  for (int i = 0; i < records; ++i) {
    // Callbacks that are busy for far longer than the store.
    ASSERT_TRUE(writer_->append(bytes_of("record"), [&told](const Result<Offset>&) {
      const auto done = std::chrono::steady_clock::now() + 1ms;
      while (std::chrono::steady_clock::now() < done) {
      }
      ++told;
    }));
  }
  EXPECT_TRUE(writer_->close());
  EXPECT_EQ(told, records);
  writer_.reset();
  EXPECT_EQ(told, records);
}

/// A store that is still at the last few bodies after it has answered, as the slower of two hedged
/// requests is.
class StillReading final : public object_store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    {
      const std::lock_guard lock(mutex_);
      reading_.push_back({body, {body.data.begin(), body.data.end()}});
      if (reading_.size() > 2) finish_oldest();
    }
    below_->put_if_absent(std::move(key), std::move(body), std::move(done));
  }

  /// How many bodies were read to the end, and how many of them changed meanwhile.
  std::pair<std::size_t, std::size_t> finish() {
    const std::lock_guard lock(mutex_);
    while (!reading_.empty()) finish_oldest();
    return {read_, changed_};
  }

 private:
  struct Reading {
    Bytes body;
    std::vector<std::byte> at_first;
  };
  void finish_oldest() {
    const Reading& oldest = reading_.front();
    ++read_;
    if (!std::ranges::equal(oldest.body.data, oldest.at_first)) ++changed_;
    reading_.pop_front();
  }

  std::mutex mutex_;
  std::deque<Reading> reading_;
  std::size_t read_ = 0;
  std::size_t changed_ = 0;
};

TEST(Upload, StaysAsItIsWhileTheStoreIsAtIt) {
  const LogAddress below = fresh_log("still-reading");
  const auto reading = std::make_shared<StillReading>(below.store);
  constexpr std::size_t batch = 64 << 10;
  Result<std::unique_ptr<Writer>> writer = Writer::open(
      {reading, below.path}, {.batch_bytes = batch, .window = 2, .buffered_bytes_max = 6 * batch});
  ASSERT_TRUE(writer);
  for (int i = 0; i < 600; ++i) {
    ASSERT_TRUE((*writer)->append_wait(bytes_of(std::string(4000, static_cast<char>(i))), 10s));
  }
  ASSERT_TRUE((*writer)->close());
  const auto [read, changed] = reading->finish();
  EXPECT_GE(read, 30U);
  EXPECT_EQ(changed, 0U);
}

}  // namespace
}  // namespace varve::append
