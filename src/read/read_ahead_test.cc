// What read-ahead may hold, and what a store that fails does to a reader.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "object_store/forwarding.h"
#include "testing/faulty.h"
#include "testing/log_builder.h"
#include "varve/reader.h"

namespace varve {
namespace {

using object_store::Fault;
using object_store::FaultyStore;
using object_store::for_good;
using object_store::RequestKind;
using testing::BuiltWriter;
using testing::LogBuilder;

/// Knows how many bytes of whole objects are under way or alive, and how many GETs of them are open.
class AccountingStore final : public object_store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  void get(std::string key, ByteRange range, Done<Bytes> done) override {
    if (range.length != UINT64_MAX) return below_->get(std::move(key), range, std::move(done));
    raise(*open_, 1, open_max);
    unanswered_.fetch_add(1);
    below_->get(std::move(key), range, [this, done = std::move(done)](Result<Bytes> answer) {
      open_->fetch_sub(1);
      if (answer) answer = counted(*answer);
      done(std::move(answer));
      unanswered_.fetch_sub(1);
      unanswered_.notify_all();
    });
  }
  /// Until all that was asked for has been taken.
  void wait_until_idle() const {
    for (std::uint64_t left = unanswered_; left != 0; left = unanswered_) unanswered_.wait(left);
  }
  std::atomic<std::uint64_t> alive_max = 0;
  std::atomic<std::uint64_t> open_max = 0;

 private:
  using Count = std::shared_ptr<std::atomic<std::uint64_t>>;

  static void raise(std::atomic<std::uint64_t>& count, std::uint64_t by, std::atomic<std::uint64_t>& most) {
    const std::uint64_t now = count.fetch_add(by) + by;
    for (std::uint64_t seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
  }

  Bytes counted(const Bytes& bytes) {
    const std::uint64_t size = bytes.data.size();
    raise(*alive_, size, alive_max);
    const auto release = [owner = bytes.owner, alive = alive_, size](const void*) { alive->fetch_sub(size); };
    return {.data = bytes.data, .owner = std::shared_ptr<const void>(bytes.data.data(), release)};
  }

  std::atomic<std::uint64_t> unanswered_ = 0;
  Count open_ = std::make_shared<std::atomic<std::uint64_t>>(0);
  Count alive_ = std::make_shared<std::atomic<std::uint64_t>>(0);
};

/// `before_each`, and the next record, until there is none; how many there were.
std::size_t read_all(
    Reader& reader, const std::function<void()>& before_each = [] {}) {
  std::size_t count = 0;
  while (true) {
    before_each();
    const auto record = reader.next();
    EXPECT_TRUE(record) << record.error().message();
    if (!record || !*record) return count;
    ++count;
  }
}

TEST(ReadAhead, KeepsItsBounds) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  constexpr std::size_t objects = 200;
  std::size_t object_bytes = 0;
  for (std::size_t i = 0; i < objects; ++i) object_bytes = log.load(writer.put(10, 1000)).size();

  const auto accounting = std::make_shared<AccountingStore>(log.address().store);
  const auto reader =
      Reader::open({accounting, "log"}, {.read_ahead_bytes = 5 * object_bytes + 10, .read_ahead_objects = 3});
  ASSERT_TRUE(reader);
  accounting->alive_max = 0;
  accounting->open_max = 0;
  // A reader so slow that all that may be fetched ahead has been.
  EXPECT_EQ(read_all(**reader, [&] { accounting->wait_until_idle(); }), 10 * objects);
  EXPECT_LE(accounting->open_max, 3U);
  // What is ahead, and the object being read; the next one may be asked for before its size is known.
  EXPECT_LE(accounting->alive_max, 7 * object_bytes);
}

TEST(ReadAhead, OneObjectAlwaysMayBe) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (int i = 0; i < 20; ++i) writer.put(3, 1000);
  const auto reader = Reader::open(log.address(), {.read_ahead_bytes = 0, .read_ahead_objects = 1});
  ASSERT_TRUE(reader);
  EXPECT_EQ(read_all(**reader), 60U);
}

class ReaderOnAFaultyStore : public ::testing::Test {
 protected:
  ReaderOnAFaultyStore() {
    BuiltWriter writer = log_.open();
    for (int i = 0; i < 20; ++i) writer.put(1);
    faulty_ = std::make_shared<FaultyStore>(log_.address().store);
  }

  LogBuilder log_;
  std::shared_ptr<FaultyStore> faulty_;
};

TEST_F(ReaderOnAFaultyStore, AsksForSeveralObjectsAtOnce) {
  const auto reader = Reader::open({faulty_, "log"}, {.read_ahead_objects = 3});
  ASSERT_TRUE(reader);
  faulty_->add({.request = RequestKind::get, .fault = Fault::hold_answer, .times = 3});
  std::jthread reading([&] { EXPECT_EQ(read_all(**reader), 20U); });
  faulty_->wait_for_held(3);
  faulty_->release();
}

TEST_F(ReaderOnAFaultyStore, TriesAgain) {
  const auto reader = Reader::open({faulty_, "log"});
  ASSERT_TRUE(reader);
  faulty_->add({.request = RequestKind::get, .fault = Fault::fail, .skip = 3, .times = 4});
  faulty_->add({.request = RequestKind::list, .fault = Fault::fail, .times = 2});
  EXPECT_EQ(read_all(**reader), 20U);
}

TEST_F(ReaderOnAFaultyStore, GivesUpAndGoesOnWhereItWas) {
  const auto reader = Reader::open({faulty_, "log"}, {.give_up_ms = 20});
  ASSERT_TRUE(reader);
  const std::string key = log_.log_store().key_of(14);  // offset 10
  faulty_->add({.request = RequestKind::get, .fault = Fault::fail, .times = for_good, .key_part = key});
  for (Offset offset = 0; offset < 10; ++offset) ASSERT_TRUE((*reader)->next().value());
  for (int i = 0; i < 2; ++i) {
    const auto record = (*reader)->next();
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().code(), Code::unavailable);
    EXPECT_EQ((*reader)->position(), 10U);
  }
  faulty_->heal();
  EXPECT_EQ(read_all(**reader), 10U);
}

TEST_F(ReaderOnAFaultyStore, StopEndsAWaitForTheStore) {
  const auto reader = Reader::open({faulty_, "log"});
  ASSERT_TRUE(reader);
  faulty_->add({.request = RequestKind::get, .fault = Fault::hold_answer, .times = 1});
  (*reader)->stop();
  EXPECT_FALSE((*reader)->next().value());
  EXPECT_EQ((*reader)->next(std::chrono::milliseconds(1)).error().code(), Code::timed_out);
  faulty_->wait_for_held(1);
  faulty_->release();
  EXPECT_EQ(read_all(**reader), 20U);
}

}  // namespace
}  // namespace varve
