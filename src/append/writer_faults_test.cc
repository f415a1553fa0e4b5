// The writer in bad luck: each store request failing in each way, writers that sleep, a store that
// never answers.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <mutex>

#include "testing/faulty.h"
#include "testing/writers.h"

namespace varve::append {
namespace {

using namespace std::chrono_literals;
using object_store::Fault;
using object_store::FaultyStore;
using object_store::for_good;
using object_store::RequestKind;

/// What a program that uses a log remembers, whatever happens to its writers.
struct Memory {
  std::mutex mutex;
  std::vector<std::string> appended;  // by offset
  Offset acknowledged = 0;
  Offset trimmed = 0;
};

/// Opens, appends, trims, appends, closes; stops where something fails.
void live_one_life(const LogAddress& log, Memory& memory) {
  Result<std::unique_ptr<Writer>> writer = Writer::open(log, {.give_up_ms = 15, .open_timeout_ms = 30});
  if (!writer) return;
  memory.appended.resize((*writer)->status().end_offset);
  for (int i = 0; i < 4; ++i) {
    if (i == 2) {
      const Result<TrimReport> trimmed =
          (*writer)->trim((*writer)->status().durable_offset, {.timeout_ms = 15});
      if (trimmed) memory.trimmed = trimmed->start_offset;
    }
    memory.appended.push_back("record " + std::to_string(memory.appended.size()));
    const Result<Offset> offset =
        (*writer)->append(bytes_of(memory.appended.back()), [&memory](const Result<Offset>& outcome) {
          const std::lock_guard lock(memory.mutex);
          if (outcome) memory.acknowledged = *outcome + 1;
        });
    if (!offset || !(*writer)->flush()) break;
  }
  const Result<void> closed = (*writer)->close(30ms);
  static_cast<void>(closed);
}

void expect_all_acknowledged_there(const LogAddress& log, Memory& memory) {
  Result<std::unique_ptr<Writer>> writer = Writer::open(log);
  ASSERT_TRUE(writer) << writer.error().message();
  const WriterStatus status = (*writer)->status();
  EXPECT_GE(status.end_offset, memory.acknowledged) << "acknowledged records are gone";
  EXPECT_GE(status.start_offset, memory.trimmed) << "a trim that was reported is undone";
  EXPECT_LE(status.start_offset, memory.acknowledged);
  const auto objects = object_store::list_now(*log.store, format::wal_prefix(log.path), "", 1000);
  ASSERT_TRUE(objects);
  // From the oldest object that holds a live record on, everything is there, in order.
  for (const ListedObject& listed : objects->objects) {
    const Seq seq = *format::seq_of_key(log.path, listed.key);
    const Result<Bytes> bytes = object_store::get_now(*log.store, listed.key);
    if (!bytes && bytes.error().code() == Code::not_found) continue;  // a leftover, deleted meanwhile
    ASSERT_TRUE(bytes);
    const format::Header header = format::decode_header(bytes->data).value();
    const bool live = header.kind == format::Kind::data && header.end_offset() > status.start_offset;
    if (!live) continue;
    const ReadBack back = read_back(log, seq);
    ASSERT_LE(back.first, status.start_offset);
    ASSERT_EQ(back.first + back.records.size(), status.end_offset);
    for (std::size_t i = 0; i < back.records.size(); ++i) {
      EXPECT_EQ(back.records[i], "record " + std::to_string(back.first + i));
    }
    break;
  }
}

class EveryStep : public testing::TestWithParam<std::tuple<RequestKind, Fault, bool>> {};

// The k-th request of a kind fails, once or from then on, in each way; whatever was acknowledged is
// there when the store is well again.
TEST_P(EveryStep, NothingAcknowledgedIsLost) {
  const auto& [kind, fault, for_ever] = GetParam();
  for (std::uint64_t k = 0; k < 14; ++k) {
    SCOPED_TRACE("request " + std::to_string(k));
    const LogAddress below =
        fresh_log("every-step-" + std::to_string(static_cast<int>(kind)) + "-" +
                  std::to_string(static_cast<int>(fault)) + (for_ever ? "e" : "o") + std::to_string(k));
    Memory memory;
    live_one_life(below, memory);  // some history first
    {
      const auto faulty = std::make_shared<FaultyStore>(below.store);
      faulty->add({.request = kind, .fault = fault, .skip = k, .times = for_ever ? for_good : 1});
      live_one_life({faulty, below.path}, memory);
    }
    expect_all_acknowledged_there(below, memory);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Writer, EveryStep,
    testing::Combine(testing::Values(RequestKind::put_if_absent, RequestKind::put, RequestKind::get,
                                     RequestKind::list, RequestKind::remove),
                     testing::Values(Fault::fail, Fault::lose_answer, Fault::hold_request), testing::Bool()));
INSTANTIATE_TEST_SUITE_P(WriterTold, EveryStep,
                         testing::Combine(testing::Values(RequestKind::put_if_absent),
                                          testing::Values(Fault::hold_answer, Fault::claim_exists),
                                          testing::Bool()));
INSTANTIATE_TEST_SUITE_P(WriterShown, EveryStep,
                         testing::Combine(testing::Values(RequestKind::get),
                                          testing::Values(Fault::hold_answer, Fault::corrupt_bytes),
                                          testing::Bool()));

// A writer whose requests sleep while others take over, write on, and trim away even the place that
// it was about to fill, is fenced when they wake, and harms nothing.
TEST(WriterFaults, AWriterAsleepForLongerThanATrim) {
  const LogAddress below = fresh_log("asleep");
  const auto sleepy = std::make_shared<FaultyStore>(below.store);
  Result<std::unique_ptr<Writer>> old_writer = Writer::open({sleepy, below.path}, {.window = 4});
  ASSERT_TRUE(old_writer);
  ASSERT_TRUE((*old_writer)->append(bytes_of("awake")));
  ASSERT_TRUE((*old_writer)->flush());
  sleepy->add({.request = RequestKind::put_if_absent, .fault = Fault::hold_request, .times = for_good});
  std::promise<Result<Offset>> told;
  ASSERT_TRUE((*old_writer)->append(bytes_of("asleep"), [&told](const Result<Offset>& outcome) {
    told.set_value(outcome);
  }));
  sleepy->wait_for_held(1);

  for (int life = 0; life < 3; ++life) {
    Result<std::unique_ptr<Writer>> writer = Writer::open(below);
    ASSERT_TRUE(writer);
    for (int i = 0; i < 8; ++i) {
      ASSERT_TRUE((*writer)->append(bytes_of("new")));
      ASSERT_TRUE((*writer)->flush());
    }
    ASSERT_TRUE((*writer)->trim((*writer)->status().durable_offset));
  }
  sleepy->heal();
  sleepy->release();
  const Result<Offset> outcome = told.get_future().get();
  ASSERT_FALSE(outcome) << "acknowledged at offset " << *outcome;
  EXPECT_EQ(outcome.error().outcome(), WriteOutcome::fenced) << outcome.error().message();

  Result<std::unique_ptr<Writer>> writer = Writer::open(below);
  ASSERT_TRUE(writer) << writer.error().message();
  EXPECT_EQ((*writer)->status().end_offset, 1U + 3 * 8);
}

// Two uploads sleep; one wakes where the successor has sealed, the other in the void behind the seal.
// No reader meets the stray, and a trim that passes it takes it along.
TEST(WriterFaults, WhatLandsLateIsNeverReadAndCleanedUp) {
  const LogAddress below = fresh_log("late");
  const auto sleepy = std::make_shared<FaultyStore>(below.store);
  Result<std::unique_ptr<Writer>> old_writer = Writer::open({sleepy, below.path}, {.window = 4});
  ASSERT_TRUE(old_writer);
  sleepy->add({.request = RequestKind::put_if_absent, .fault = Fault::hold_request, .times = for_good});
  for (std::size_t i = 1; i <= 2; ++i) {
    ASSERT_TRUE((*old_writer)->append(bytes_of("late")));
    EXPECT_FALSE((*old_writer)->flush(0ms));
    sleepy->wait_for_held(i);
  }
  Result<std::unique_ptr<Writer>> writer = Writer::open(below);
  ASSERT_TRUE(writer);
  sleepy->heal();
  sleepy->release();
  EXPECT_EQ((*old_writer)->close().error().code(), Code::fenced);
  const Seq stray = (*writer)->status().epoch + 1;
  ASSERT_TRUE(object_store::get_now(*below.store, format::wal_key(below.path, stray)))
      << "it landed in the void";

  ASSERT_TRUE((*writer)->append(bytes_of("new")));
  ASSERT_TRUE((*writer)->flush());
  EXPECT_EQ(read_back(below).records, (std::vector<std::string>{"new"}));
  ASSERT_TRUE((*writer)->append(bytes_of("newer")));
  ASSERT_TRUE((*writer)->flush());
  ASSERT_TRUE((*writer)->trim(2));
  EXPECT_EQ(object_store::get_now(*below.store, format::wal_key(below.path, stray)).error().code(),
            Code::not_found);
}

// A claimant that sleeps before its seal, until the place it had chosen is filled, passed and trimmed
// away, must not believe that it owns the log when its seal lands there.
TEST(WriterFaults, AClaimantAsleepForLongerThanATrim) {
  const LogAddress below = fresh_log("claimant");
  {
    Result<std::unique_ptr<Writer>> writer = Writer::open(below, {.window = 2});
    ASSERT_TRUE((*writer)->append(bytes_of("first")));
    ASSERT_TRUE((*writer)->flush());

    const auto sleepy = std::make_shared<FaultyStore>(below.store);
    sleepy->add({.request = RequestKind::put_if_absent, .fault = Fault::hold_request, .times = 1});
    std::future<Result<std::unique_ptr<Writer>>> claim = std::async(std::launch::async, [&] {
      return Writer::open({sleepy, below.path});
    });
    sleepy->wait_for_held(1);
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE((*writer)->append(bytes_of("more")));
      ASSERT_TRUE((*writer)->flush());
    }
    ASSERT_TRUE((*writer)->trim(11));
    sleepy->release();
    Result<std::unique_ptr<Writer>> claimed = claim.get();
    ASSERT_TRUE(claimed) << claimed.error().message();
    EXPECT_EQ((*claimed)->append(bytes_of("after the nap")).value(), 11U);
    EXPECT_TRUE((*claimed)->flush());
    EXPECT_EQ((*writer)->append(bytes_of("x")).value(), 11U);
    EXPECT_EQ((*writer)->flush().error().code(), Code::fenced);
  }
  Result<std::unique_ptr<Writer>> writer = Writer::open(below);
  ASSERT_TRUE(writer) << writer.error().message();
  EXPECT_EQ((*writer)->status().end_offset, 12U);
}

// Sanitizers keep shadows of all memory: what is resident is not only ours then.
#ifdef VARVE_SANITIZED
constexpr bool memory_has_shadows = true;
#else
constexpr bool memory_has_shadows = false;
#endif

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(WriterFaults, MemoryIsBoundedWhenTheStoreNeverAnswers) {
  constexpr std::size_t mib = 1 << 20;
  constexpr std::size_t batch = 4 * mib;
  constexpr std::uint32_t window = 8;
  constexpr std::size_t limit = 64 * mib;
  constexpr std::size_t bound = limit + (window + 2) * batch;
  // What else the process may come to use meanwhile: thread stacks, the allocator's own.
  constexpr std::size_t slack = bound / 8 + 8 * mib;
  const LogAddress below = fresh_log("memory");
  const auto silent = std::make_shared<FaultyStore>(below.store);
  Result<std::unique_ptr<Writer>> writer =
      Writer::open({silent, below.path},
                   {.batch_bytes = batch, .window = window, .buffered_bytes_max = limit, .give_up_ms = 0});
  ASSERT_TRUE(writer);
  silent->add({.request = RequestKind::put_if_absent, .fault = Fault::hold_request, .times = for_good});
  const std::size_t before = resident_bytes();
  std::size_t accepted = 0;
  for (const std::size_t size : {std::size_t{1'000}, std::size_t{10}, std::size_t{0}, 6 * mib}) {
    const std::string record(size, 'm');
    // Far more than may be held is offered.
    for (std::size_t offered = 0; offered < 4 * bound; offered += size + 4096) {
      if ((*writer)->append(bytes_of(record))) accepted += size;
    }
  }
  EXPECT_GE(accepted, limit / 2);
  const std::size_t grown = resident_bytes() - before;
  EXPECT_TRUE(memory_has_shadows || grown <= bound + slack) << grown;
  EXPECT_LE((*writer)->status().buffered_bytes, bound);
  EXPECT_EQ((*writer)->close(1ms).error().code(), Code::timed_out);
}

}  // namespace
}  // namespace varve::append
