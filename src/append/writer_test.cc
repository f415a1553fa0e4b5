#include "varve/writer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <coroutine>
#include <thread>

#include "log/system.h"
#include "testing/faulty.h"
#include "testing/writers.h"

namespace varve::append {
namespace {

using namespace std::chrono_literals;
using object_store::Fault;
using object_store::FaultyStore;
using object_store::for_good;
using object_store::RequestKind;

std::unique_ptr<Writer> open_writer(const LogAddress& log, WriterOptions options = {}) {
  Result<std::unique_ptr<Writer>> writer = Writer::open(log, options);
  EXPECT_TRUE(writer) << writer.error().message();
  return writer ? *std::move(writer) : nullptr;
}

struct Faulty {
  explicit Faulty(std::string_view name) : below(fresh_log(name)) {}
  LogAddress below;
  std::shared_ptr<FaultyStore> store = std::make_shared<FaultyStore>(below.store);
  [[nodiscard]] LogAddress address() const { return {store, below.path}; }
};

/// Collects outcomes of appends in the order they come.
struct Outcomes {
  std::mutex mutex;
  std::condition_variable grew;
  std::vector<Result<Offset>> all;

  AppendCallback callback() {
    return [this](const Result<Offset>& outcome) {
      const std::lock_guard lock(mutex);
      all.push_back(outcome);
      grew.notify_all();
    };
  }
  std::vector<Result<Offset>> wait_for(std::size_t count) {
    std::unique_lock lock(mutex);
    grew.wait(lock, [&] { return all.size() >= count; });
    return all;
  }
};

TEST(Writer, AppendsAreReadBackInOrderAcrossWriters) {
  const LogAddress log = fresh_log("order");
  std::vector<std::string> expected;
  for (int round = 0; round < 3; ++round) {
    const auto writer = open_writer(log);
    for (int i = 0; i < 100; ++i) {
      expected.push_back("record " + std::to_string(round) + "/" + std::to_string(i));
      EXPECT_EQ(writer->append(bytes_of(expected.back())).value(), expected.size() - 1);
      if (i % 30 == 0) {
        EXPECT_TRUE(writer->flush());
      }
    }
    EXPECT_TRUE(writer->close());
  }
  EXPECT_EQ(read_back(log).records, expected);
}

TEST(Writer, EveryWayToAppend) {
  const LogAddress log = fresh_log("ways");
  const auto writer = open_writer(log);
  Outcomes outcomes;
  EXPECT_TRUE(writer->append(bytes_of("plain"), outcomes.callback()));
  std::future<Result<Offset>> future = writer->append_future(bytes_of("future"));
  const std::vector<std::span<const std::byte>> batch{bytes_of("batch 1"), bytes_of(""), bytes_of("batch 3")};
  EXPECT_EQ(writer->append_batch(batch, outcomes.callback()).value(), 2U);
  {
    Reservation reservation = writer->reserve(100).value();
    EXPECT_EQ(reservation.offset(), 5U);
    std::memcpy(reservation.bytes().data(), "reserved", 8);
    reservation.commit(8, outcomes.callback());
  }
  EXPECT_TRUE(writer->reserve(10));  // dropped at once: an empty record
  EXPECT_TRUE(writer->append_wait(bytes_of("waited"), 1s, outcomes.callback()));
  EXPECT_TRUE(writer->flush());
  EXPECT_EQ(future.get().value(), 1U);
  const auto told = outcomes.wait_for(4);
  EXPECT_EQ(told[0].value(), 0U);
  EXPECT_EQ(told[1].value(), 2U);
  EXPECT_EQ(told[2].value(), 5U);
  EXPECT_EQ(told[3].value(), 7U);
  EXPECT_EQ(read_back(log).records, (std::vector<std::string>{"plain", "future", "batch 1", "", "batch 3",
                                                              "reserved", "", "waited"}));
}

/// The least a coroutine needs: starts at once, nobody waits for it.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Detached append_three(Writer& writer, std::promise<std::vector<Offset>>& done) {
  std::vector<Offset> offsets;
  for (const char* text : {"one", "two", "three"}) {
    const Result<Offset> offset = co_await writer.append_async(bytes_of(text));
    offsets.push_back(offset.value());
  }
  done.set_value(offsets);
}

TEST(Writer, CoroutinesAwaitDurability) {
  const LogAddress log = fresh_log("coroutine");
  const auto writer = open_writer(log);
  std::promise<std::vector<Offset>> done;
  append_three(*writer, done);
  EXPECT_EQ(done.get_future().get(), (std::vector<Offset>{0, 1, 2}));
  EXPECT_EQ(read_back(log).records.size(), 3U);
}

TEST(Writer, CallbacksComeInOffsetOrderWhateverOrderUploadsFinishIn) {
  Faulty faulty("reordered");
  const auto writer = open_writer(faulty.address());
  faulty.store->add({.request = RequestKind::put_if_absent, .fault = Fault::hold_answer, .times = 1});
  Outcomes outcomes;
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(writer->append(bytes_of("x"), outcomes.callback()));
    const Result<void> flushed = writer->flush(i == 0 ? 0ms : 1ms);  // each in an object of its own
    EXPECT_FALSE(flushed);
  }
  faulty.store->wait_for_held(1);
  EXPECT_EQ(writer->status().durable_offset, 0U) << "the first object's answer is still out";
  faulty.store->release();
  EXPECT_TRUE(writer->wait_durable(5, 10s));
  const auto told = outcomes.wait_for(5);
  for (Offset i = 0; i < 5; ++i) EXPECT_EQ(told[i].value(), i);
}

TEST(Writer, ALostAnswerIsNotAFence) {
  Faulty faulty("lost-answer");
  const auto writer = open_writer(faulty.address());
  for (const Fault fault : {Fault::lose_answer, Fault::claim_exists, Fault::fail}) {
    faulty.store->add({.request = RequestKind::put_if_absent, .fault = fault, .times = 2});
    EXPECT_TRUE(writer->append(bytes_of("still mine")));
    EXPECT_TRUE(writer->flush(10s)) << static_cast<int>(fault);
  }
  EXPECT_TRUE(writer->close());
  EXPECT_EQ(read_back(faulty.below).records.size(), 3U);
}

TEST(Writer, TheSecondTakesOverAndTheFirstIsFencedForGood) {
  const LogAddress log = fresh_log("fenced");
  const auto first = open_writer(log);
  EXPECT_TRUE(first->append(bytes_of("before")));
  EXPECT_TRUE(first->flush());
  const auto second = open_writer(log);
  Outcomes outcomes;
  EXPECT_TRUE(first->append(bytes_of("too late"), outcomes.callback()));
  const Result<Offset> told = outcomes.wait_for(1)[0];
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code(), Code::fenced);
  EXPECT_EQ(told.error().outcome(), WriteOutcome::fenced);
  EXPECT_NE(told.error().message().find(log::host_name() + ":" + std::to_string(log::process_id())),
            std::string::npos)
      << "it names who took over: " << told.error().message();
  EXPECT_EQ(first->append(bytes_of("never")).error().code(), Code::fenced);
  EXPECT_EQ(first->close().error().code(), Code::fenced);
  EXPECT_EQ(second->append(bytes_of("after")).value(), 1U);
  EXPECT_TRUE(second->close());
  EXPECT_EQ(read_back(log).records, (std::vector<std::string>{"before", "after"}));
}

TEST(Writer, GivesUpWithATypedOutcomeAndTheNextOpenRecovers) {
  Faulty faulty("gave-up");
  const auto writer = open_writer(faulty.address(), {.give_up_ms = 50});
  EXPECT_TRUE(writer->append(bytes_of("kept")));
  EXPECT_TRUE(writer->flush());
  faulty.store->add({.request = RequestKind::put_if_absent, .fault = Fault::lose_answer, .times = for_good});
  faulty.store->add({.request = RequestKind::get, .fault = Fault::fail, .times = for_good});
  Outcomes outcomes;
  EXPECT_TRUE(writer->append(bytes_of("who knows"), outcomes.callback()));
  const Result<Offset> told = outcomes.wait_for(1)[0];
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().outcome(), WriteOutcome::unknown) << told.error().message();
  EXPECT_EQ(writer->close().error().code(), Code::unavailable);
  faulty.store->heal();
  const auto next = open_writer(faulty.address());
  EXPECT_EQ(next->status().end_offset, 2U) << "it had landed";
}

TEST(Writer, ARefusedPutThatNeverLandedIsNotWritten) {
  Faulty faulty("refused");
  const auto writer = open_writer(faulty.address(), {.give_up_ms = 50});
  faulty.store->add({.request = RequestKind::put_if_absent, .fault = Fault::fail, .times = for_good});
  Outcomes outcomes;
  EXPECT_TRUE(writer->append(bytes_of("refused"), outcomes.callback()));
  EXPECT_EQ(outcomes.wait_for(1)[0].error().outcome(), WriteOutcome::not_written);
}

TEST(Writer, SaysOverCapacityAtOnceAndGoesOnWhenThereIsRoom) {
  Faulty faulty("capacity");
  constexpr std::size_t batch = 64 << 10;
  const auto writer =
      open_writer(faulty.address(), {.batch_bytes = batch, .window = 2, .buffered_bytes_max = 4 * batch});
  faulty.store->add({.request = RequestKind::put_if_absent, .fault = Fault::hold_request, .times = for_good});
  const std::string record(1000, 'r');
  std::uint64_t accepted = 0;
  Result<Offset> last = Offset{0};
  while ((last = writer->append(bytes_of(record)))) ++accepted;
  EXPECT_EQ(last.error().code(), Code::over_capacity);
  EXPECT_EQ(last.error().outcome(), WriteOutcome::not_written);
  EXPECT_GE(accepted * record.size(), 2 * batch);
  EXPECT_LE(accepted * record.size(), 4 * batch);
  const std::array<std::span<const std::byte>, 2> two{bytes_of(record), bytes_of(record)};
  EXPECT_EQ(writer->append_wait(bytes_of(record), 20ms).error().code(), Code::timed_out);
  EXPECT_EQ(writer->append_batch_wait(two, 20ms).error().code(), Code::timed_out);
  EXPECT_EQ(writer->reserve_wait(record.size(), 20ms).error().code(), Code::timed_out);
  faulty.store->heal();
  faulty.store->release();
  EXPECT_EQ(writer->append_wait(bytes_of(record), 10s).value(), accepted);
  EXPECT_EQ(writer->append_batch_wait(two, 10s).value(), accepted + 1);
  EXPECT_EQ(writer->reserve_wait(record.size(), 10s)->offset(), accepted + 3);
  EXPECT_TRUE(writer->close());
  EXPECT_EQ(read_back(faulty.below).records.size(), accepted + 4);
}

TEST(Writer, WhoWaitsWithSeveralRecordsGoesOnWhenThereIsRoom) {
  const LogAddress log = fresh_log("batches-wait");
  constexpr std::size_t batch = 64 << 10;
  const auto writer = open_writer(log, {.batch_bytes = batch, .window = 2, .buffered_bytes_max = 2 * batch});
  constexpr int threads = 3;
  constexpr int calls = 300;
  std::vector<std::thread> producers;
  for (int t = 0; t < threads; ++t) {
    producers.emplace_back([&] {
      const std::string record(1000, 'r');
      const std::vector<std::span<const std::byte>> records(10, bytes_of(record));
      for (int i = 0; i < calls; ++i) {
        EXPECT_TRUE(writer->append_batch_wait(records, 10s));
        Result<Reservation> reserved = writer->reserve_wait(record.size(), 10s);
        ASSERT_TRUE(reserved) << reserved.error().message();
        std::memcpy(reserved->bytes().data(), record.data(), record.size());
        reserved->commit(record.size());
      }
    });
  }
  for (std::thread& producer : producers) producer.join();
  EXPECT_TRUE(writer->close());
  EXPECT_EQ(read_back(log).records, std::vector<std::string>(threads * calls * 11, std::string(1000, 'r')));
}

TEST(Writer, TrimIsDurableFirstThenDeletes) {
  Faulty faulty("trim");
  const auto writer = open_writer(faulty.address());
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(writer->append(bytes_of("record")));
    EXPECT_TRUE(writer->flush());
  }
  EXPECT_EQ(writer->trim(11).error().valid_range(), (OffsetRange{0, 10}));
  faulty.store->add({.request = RequestKind::remove, .fault = Fault::fail, .times = 1});
  const Result<TrimReport> failed = writer->trim(5);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->start_offset, 5U);
  EXPECT_GT(failed->objects_left, 0U);
  EXPECT_EQ(read_back(faulty.below).records.size(), 10U) << "nothing deleted yet";
  const Result<TrimReport> finished = writer->trim(5);
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->objects_deleted, 5U) << "five objects; the seal of the epoch in use stays";
  EXPECT_EQ(finished->objects_left, 0U);
  EXPECT_TRUE(writer->close());
  const auto again = open_writer(faulty.address());
  EXPECT_EQ(again->status().start_offset, 5U);
  EXPECT_EQ(again->status().end_offset, 10U);
}

TEST(Writer, TrimOfEverythingKeepsTheOffsets) {
  const LogAddress log = fresh_log("trim-all");
  {
    const auto writer = open_writer(log);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(writer->append(bytes_of("x")));
    EXPECT_TRUE(writer->flush());
    EXPECT_EQ(writer->trim(3)->start_offset, 3U);
    EXPECT_EQ(writer->trim(3)->start_offset, 3U);
  }
  const auto writer = open_writer(log);
  EXPECT_EQ(writer->append(bytes_of("y")).value(), 3U);
  EXPECT_EQ(writer->status().start_offset, 3U);
}

// One clock alone can be wrong by years, and the seals that it calls old are fences.
TEST(Writer, OldSealsAreNotForgottenByOneClock) {
  const LogAddress log = fresh_log("one-clock");
  const auto writer = open_writer(log);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(writer->append(bytes_of("x")));
  EXPECT_TRUE(writer->flush());
  const Result<TrimReport> refused = writer->trim(2, {.no_writer_sleeps_days = 30});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::invalid_argument);
  EXPECT_EQ(writer->status().start_offset, 0U) << "nothing was trimmed";
  EXPECT_EQ(writer->trim(2)->start_offset, 2U);
}

TEST(Writer, ManyProducersDenseOffsetsOrderedCallbacks) {
  const LogAddress log = fresh_log("producers");
  const auto writer = open_writer(log, {.batch_bytes = 64 << 10});
  constexpr int threads = 4;
  constexpr int each = 5'000;
  Outcomes outcomes;
  std::vector<std::thread> producers;
  for (int t = 0; t < threads; ++t) {
    producers.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        const std::string record = std::to_string(t) + ":" + std::to_string(i);
        EXPECT_TRUE(writer->append_wait(bytes_of(record), 10s, outcomes.callback()));
      }
    });
  }
  for (std::thread& producer : producers) producer.join();
  EXPECT_TRUE(writer->close());
  const auto told = outcomes.wait_for(threads * each);
  for (std::size_t i = 0; i < told.size(); ++i) ASSERT_EQ(told[i].value(), i);
  std::vector<int> next(threads, 0);
  for (const std::string& record : read_back(log).records) {
    const int t = record[0] - '0';
    ASSERT_EQ(record, std::to_string(t) + ":" + std::to_string(next[t]++)) << "each thread's own order holds";
  }
  EXPECT_EQ(next, std::vector<int>(threads, each));
}

TEST(Writer, RecordsOfEverySize) {
  const LogAddress log = fresh_log("sizes");
  const auto writer = open_writer(log, {.batch_bytes = 64 << 10});
  std::vector<std::string> expected;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65'527}, std::size_t{65'528},
                                 std::size_t{65'529}, std::size_t{3} << 20, max_record_bytes}) {
    expected.emplace_back(size, static_cast<char>('a' + expected.size()));
    EXPECT_TRUE(writer->append_wait(bytes_of(expected.back()), 10s));
  }
  const std::string too_large(max_record_bytes + 1, 'x');
  EXPECT_EQ(writer->append(bytes_of(too_large)).error().code(), Code::invalid_argument);
  EXPECT_TRUE(writer->close());
  EXPECT_TRUE(read_back(log).records == expected);
}

TEST(Writer, ACleanCloseLeavesNoSealsBehindATrim) {
  const LogAddress log = fresh_log("clean");
  for (int i = 0; i < 20; ++i) {
    const auto writer = open_writer(log);
    EXPECT_TRUE(writer->append(bytes_of("run")));
    EXPECT_TRUE(writer->close());
  }
  const auto writer = open_writer(log);
  ASSERT_TRUE(writer->trim(20));
  const auto left = object_store::list_now(*log.store, format::wal_prefix(log.path), "", 1000);
  EXPECT_LE(left->objects.size(), 4U);
}

// After a clean close every acknowledged record is known to be, whichever object goes missing.
TEST(Writer, WhatACleanCloseAcknowledgedIsNeverTakenForAnUnfinishedTail) {
  for (Seq lost = 0; lost < 3; ++lost) {
    const LogAddress log = fresh_log("clean-loss-" + std::to_string(lost));
    Seq first = 0;
    {
      const auto writer = open_writer(log);
      first = writer->status().epoch + writer->status().window;
      for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(writer->append(bytes_of("acknowledged")));
        EXPECT_TRUE(writer->flush());
      }
      EXPECT_TRUE(writer->close());
    }
    for (const std::string& gone :
         {format::wal_key(log.path, first + lost), format::checkpoint_key(log.path)}) {
      EXPECT_TRUE(object_store::remove_now(*log.store, {gone}));
    }
    const Result<std::unique_ptr<Writer>> writer = Writer::open(log);
    if (writer) {
      EXPECT_EQ((*writer)->status().end_offset, 3U) << "object " << lost << ": nothing is cut";
    } else {
      EXPECT_EQ(writer.error().code(), Code::corruption);
    }
  }
}

TEST(Writer, CloseInTimeEndsWhatIsInFlightAsUnknown) {
  Faulty faulty("close-timeout");
  const auto writer = open_writer(faulty.address());
  faulty.store->add({.request = RequestKind::put_if_absent, .fault = Fault::hold_answer, .times = for_good});
  Outcomes outcomes;
  EXPECT_TRUE(writer->append(bytes_of("in flight"), outcomes.callback()));
  faulty.store->wait_for_held(1);
  const Result<void> closed = writer->close(30ms);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code(), Code::timed_out);
  EXPECT_EQ(outcomes.wait_for(1)[0].error().outcome(), WriteOutcome::unknown);
  EXPECT_EQ(writer->append(bytes_of("after close")).error().outcome(), WriteOutcome::not_written);
}

TEST(Writer, TheAllowanceBoundsSmallUploads) {
  const LogAddress log = fresh_log("allowance");
  const auto writer = open_writer(log, {.linger_ms = 0, .puts_per_second = 1, .put_burst = 2});
  Offset end = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) {
    end = writer->append(bytes_of("small")).value() + 1;
    const Result<void> given_time = writer->wait_durable(end, 2ms);
    static_cast<void>(given_time);
  }
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
  EXPECT_LE(writer->status().objects_acknowledged, 2U + static_cast<std::uint64_t>(seconds.count()));
  EXPECT_TRUE(writer->flush()) << "a flush does not wait for the allowance";
  EXPECT_EQ(writer->status().durable_offset, end);
}

TEST(Writer, OptionsOutOfRangeAreNamed) {
  const Result<std::unique_ptr<Writer>> writer = Writer::open(fresh_log("options"), {.batch_bytes = 1});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code(), Code::invalid_argument);
  EXPECT_NE(writer.error().message().find("batch_bytes"), std::string::npos);
  EXPECT_EQ(Writer::open(fresh_log("absent"), {.must_exist = true}).error().code(), Code::not_found);
}

}  // namespace
}  // namespace varve::append
