// The writer in bad luck: each store request failing in each way, writers that sleep, a store that
// never answers.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <semaphore>

#include "object_store/file/file_store.h"
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

/// Local files whose user falls asleep where it is told, until it is woken: as a process may between any two
/// of its instructions.
class SleepyFiles final : public object_store::FileSystem {
 public:
  /// A place to fall asleep at, once, when an object of the chain comes by.
  class Bed {
   public:
    void make() { made_ = true; }
    void wait_until_asleep() { asleep_.acquire(); }
    void wake() { awake_.release(); }
    void sleep_if_made(const std::string& name) {
      constexpr std::size_t digits_of_a_seq = 20;
      if (name.size() != digits_of_a_seq || !made_.exchange(false)) return;
      asleep_.release();
      awake_.acquire();
    }

   private:
    std::atomic<bool> made_ = false;
    std::binary_semaphore asleep_{0};
    std::binary_semaphore awake_{0};
  };

  Bed before_naming;  ///< an object, which until then is nowhere
  Bed before_sizing;  ///< one: a listing asks for sizes once it has all names

  int linkat(int from_folder, const std::string& from, int folder, const std::string& name,
             int flags) override {
    before_naming.sleep_if_made(name);
    return FileSystem::linkat(from_folder, from, folder, name, flags);
  }
  int fstatat(int folder, const std::string& name, struct stat& status) override {
    before_sizing.sleep_if_made(name);
    return FileSystem::fstatat(folder, name, status);
  }
};

// Between the names of a directory and the sizes of its files anything may happen: a listing of local files
// is not one moment, and goes through the names in no order. A claimant that sleeps there, and had slept
// before its seal, must not come to own a log that has an owner.
TEST(Takeover, TwoOwnersNeverAcknowledgeThoughAListingSleeps) {
  const std::filesystem::path root = std::filesystem::path(testing::TempDir()) / "sleepy-files";
  std::filesystem::remove_all(root);
  const LogAddress log{std::make_shared<object_store::FileStore>(root), "log"};
  const auto sleepy = std::make_shared<SleepyFiles>();
  std::vector<std::string> acknowledged;
  const auto append = [&acknowledged](Writer& writer, int count) {
    for (; count > 0; --count) {
      const std::string record = "record " + std::to_string(acknowledged.size());
      const Result<Offset> offset = writer.append(bytes_of(record));
      ASSERT_TRUE(offset && writer.flush());
      ASSERT_EQ(*offset, acknowledged.size()) << "an offset is given out twice";
      acknowledged.push_back(record);
    }
  };
  const std::unique_ptr<Writer> owner = Writer::open(log, {.window = 4}).value();
  append(*owner, 3);
  sleepy->before_naming.make();
  auto claim = std::async(std::launch::async, [&] {
    return Writer::open({std::make_shared<object_store::FileStore>(root, sleepy), "log"});
  });
  const auto go_on_and_trim = [&] {
    append(*owner, 10);
    ASSERT_TRUE(owner->trim(acknowledged.size() - 2));
  };
  sleepy->before_naming.wait_until_asleep();
  go_on_and_trim();
  sleepy->before_sizing.make();
  sleepy->before_naming.wake();
  sleepy->before_sizing.wait_until_asleep();
  go_on_and_trim();
  sleepy->before_sizing.wake();
  const Result<std::unique_ptr<Writer>> claimant = claim.get();
  ASSERT_TRUE(claimant) << claimant.error().message();
  append(**claimant, 3);
  EXPECT_FALSE(owner->append(bytes_of("of an owner no more")) && owner->flush());
  const auto objects = object_store::list_now(*log.store, "log/wal/").value().objects;
  const Bytes newest = object_store::get_now(*log.store, objects.back().key).value();
  const ReadBack back = read_back(log, format::decode_header(newest.data).value().lowest_live);
  ASSERT_GE(back.records.size(), 3U);
  EXPECT_EQ(back.records.back(), acknowledged.back());
  EXPECT_EQ(back.first + back.records.size(), acknowledged.size());
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace varve::append
