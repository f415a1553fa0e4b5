// Many producers, one pilot, tiny batches: every byte, offset and callback is accounted for. Builds with
// preemption points (writer/preemption.h) interrupt the lock-free code on the way. For longer runs the
// environment variables VARVE_STRESS_ROUNDS and VARVE_STRESS_SEED say how often, and from which seed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "append/batching/preemption.h"
#include "testing/batches.h"

namespace varve::append {
namespace {

using std::chrono::steady_clock;

#ifdef VARVE_SANITIZED
constexpr std::uint64_t appends_in_all = 24'000;
#else
constexpr std::uint64_t appends_in_all = 200'000;
#endif

// What comes at all comes within a fraction of a second.
constexpr auto patience = std::chrono::seconds(20);

std::uint32_t number_from(const char* variable, std::uint32_t otherwise) {
  const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return text == nullptr ? otherwise : static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10));
}

/// Calls `round(seed)` for as many seeds as are asked for, with preemptions that follow from it.
template <class Round>
void for_each_seed(Round&& round) {
  const std::uint32_t first = number_from("VARVE_STRESS_SEED", 1);
  const std::uint32_t rounds = number_from("VARVE_STRESS_ROUNDS", 1);
  for (std::uint32_t seed = first; seed < first + rounds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("again with VARVE_STRESS_SEED=" + std::to_string(seed));
    preempt_from(seed);
    round(seed);
  }
  preempt_from(0);
}

// What a record holds: who appended it as his how-manyth, then bytes that follow from both.
struct Stamp {
  std::uint32_t producer = 0;
  std::uint32_t number = 0;
};

constexpr std::size_t payload_bytes_max = std::size_t{200} << 10;

// Cut from one long ramp: copied and compared at once, or the producers would do little else.
std::span<const std::byte> filler(const Stamp& stamp, std::size_t bytes) {
  static const auto ramp = [] {
    std::vector<std::byte> rising(256 + payload_bytes_max);
    for (std::size_t i = 0; i < rising.size(); ++i) rising[i] = static_cast<std::byte>(i);
    return rising;
  }();
  return std::span(ramp).subspan((stamp.producer * 31 + stamp.number * 7) % 256, bytes);
}

void fill(std::span<std::byte> payload, Stamp stamp) {
  std::memcpy(payload.data(), &stamp, sizeof(stamp));
  const std::size_t rest = payload.size() - sizeof(stamp);
  std::memcpy(payload.data() + sizeof(stamp), filler(stamp, rest).data(), rest);
}

class Stress {
 public:
  Stress(std::uint32_t producers, std::size_t buffered_bytes_max, std::uint32_t seed)
      : pool_(BatchPool::create(
            {.batch_bytes = std::size_t{64} << 10, .buffered_bytes_max = buffered_bytes_max, .window = 4},
            listener_)),
        buffered_bytes_max_(buffered_bytes_max),
        seed_(seed),
        seen_(producers) {}

  void run() {
    std::vector<std::jthread> producers;
    for (std::uint32_t i = 0; i < seen_.size(); ++i) producers.emplace_back([this, i] { produce(i); });
    std::jthread upload_loop([this] { fly(); });
    producers.clear();
    pool_->stop(Error(Code::closed, "done"));
    listener_.notice.release();
    upload_loop.join();
    EXPECT_EQ(next_offset_, pool_->end_offset());
    EXPECT_EQ(told_.load(), expected_told_.load());
    EXPECT_EQ(pool_->buffered_bytes(), 0U);
    for (const std::uint32_t seen : seen_) EXPECT_EQ(seen, appends_in_all / seen_.size());
    EXPECT_LE(most_buffered_, buffered_bytes_max_);
  }

 private:
  // What a callback can carry, and what comes back: in offset order, each once.
  AppendCallback callback(Stamp stamp) {
    expected_told_.fetch_add(1, std::memory_order_relaxed);
    return [this, stamp](const Result<Offset>& offset) {
      told_.fetch_add(1, std::memory_order_relaxed);
      EXPECT_GE(*offset, told_below_);
      told_below_ = *offset + 1;
      EXPECT_LT(stamp.producer, seen_.size());
    };
  }

  void produce(std::uint32_t producer) {
    std::mt19937 random(seed_ + producer);
    std::vector<std::byte> buffer(payload_bytes_max);
    const auto total = static_cast<std::uint32_t>(appends_in_all / seen_.size());
    Offset above = 0;  // one's own offsets grow
    for (std::uint32_t number = 0; number < total;) {
      const std::uint64_t turn = pool_->room_turn();
      std::uint32_t appended = 1;
      const Result<Offset> offset = append_somehow({producer, number}, total, random, buffer, appended);
      if (!offset) {
        ASSERT_EQ(offset.error().code(), Code::over_capacity) << offset.error().message();
        ASSERT_TRUE(pool_->wait_for_room(turn, steady_clock::now() + patience)) << "no room is made";
        continue;
      }
      ASSERT_GE(*offset, above);
      above = *offset + appended;
      number += appended;
    }
  }

  Result<Offset> append_somehow(Stamp stamp, std::uint32_t total, std::mt19937& random,
                                std::span<std::byte> buffer, std::uint32_t& appended) {
    const std::uint32_t how = random() % 1000;
    const std::size_t bytes = sizeof(Stamp) + (how < 3 ? random() % (buffer.size() - 8) : random() % 300);
    if (how < 800) {
      fill(buffer.first(bytes), stamp);
      const Result<Offset> offset = pool_->append(buffer.first(bytes), callback(stamp));
      if (!offset) expected_told_.fetch_sub(1, std::memory_order_relaxed);
      return offset;
    }
    if (how < 900) {
      appended = std::min<std::uint32_t>(1 + random() % 20, total - stamp.number);
      std::vector<std::span<const std::byte>> records;
      for (std::uint32_t i = 0; i < appended; ++i) {
        const auto record = buffer.subspan(std::size_t{i} * 128, sizeof(Stamp) + random() % 100);
        fill(record, {stamp.producer, stamp.number + i});
        records.push_back(record);
      }
      const Result<Offset> offset = pool_->append_batch(records, callback(stamp));
      if (!offset) expected_told_.fetch_sub(1, std::memory_order_relaxed);
      return offset;
    }
    const Result<Claim> claim = pool_->reserve(bytes);
    if (!claim) return claim.error();
    const std::size_t used =
        random() % 2 == 0 ? bytes : sizeof(Stamp) + random() % (bytes - sizeof(Stamp) + 1);
    fill({BatchPool::payload_of(*claim), used}, stamp);
    pool_->commit(*claim, bytes, used, callback(stamp));
    return claim->offset;
  }

  void fly() {
    std::mt19937 random(seed_);
    std::vector<std::pair<Batch*, Bytes>> in_flight;  // released in any order, a little later
    for (;;) {
      Batch* const batch = pool_->take_ready();
      most_buffered_ = std::max(most_buffered_, pool_->buffered_bytes());
      if (batch != nullptr) {
        verify(*batch);
        if (testing::Test::HasFatalFailure()) return pool_->stop(Error(Code::closed, "the test has failed"));
        in_flight.emplace_back(batch, pool_->share(*batch, batch->object_bytes()));
      }
      if (in_flight.size() > 3 || (batch == nullptr && !in_flight.empty())) {
        const std::size_t any = random() % in_flight.size();
        pool_->release(*in_flight[any].first);
        in_flight.erase(in_flight.begin() + static_cast<std::ptrdiff_t>(any));
      } else if (batch == nullptr) {
        if (pool_->drained()) return;
        // Stalled with all released cannot be; so either something comes or it is ours to close.
        if (!pool_->close_active() && !listener_.notice.try_acquire_for(patience)) {
          ADD_FAILURE() << "a notice is lost";
          return pool_->stop(Error(Code::closed, "the test has failed"));
        }
      }
      if (random() % 8 == 0) pool_->close_active();
    }
  }

  void verify(Batch& batch) {
    ASSERT_EQ(batch.first_offset(), next_offset_);
    ASSERT_EQ(batch.first_append_unix_ms(), listener_.now);
    next_offset_ += batch.records();
    read_as_object(batch, [this](const format::RecordView& record) {
      Stamp stamp;
      ASSERT_GE(record.payload.size(), sizeof(stamp));
      std::memcpy(&stamp, record.payload.data(), sizeof(stamp));
      ASSERT_LT(stamp.producer, seen_.size());
      ASSERT_EQ(stamp.number, seen_[stamp.producer]) << "a producer's records keep their order";
      ++seen_[stamp.producer];
      const auto rest = record.payload.subspan(sizeof(stamp));
      ASSERT_EQ(std::memcmp(rest.data(), filler(stamp, rest.size()).data(), rest.size()), 0);
    });
    batch.for_each_callback([](Offset offset, AppendCallback& told) { told(offset); });
  }

  CountingListener listener_;
  const std::shared_ptr<BatchPool> pool_;
  const std::size_t buffered_bytes_max_;
  const std::uint32_t seed_;
  std::atomic<std::uint64_t> expected_told_{0};
  std::atomic<std::uint64_t> told_{0};

  // The pilot's.
  Offset next_offset_ = 0;
  Offset told_below_ = 0;
  std::size_t most_buffered_ = 0;
  std::vector<std::uint32_t> seen_;
};

void stop_in_the_middle(std::uint32_t producer_count, std::uint32_t seed) {
  for (std::uint64_t round = 0; round < 10; ++round) {
    CountingListener listener;
    const auto pool = BatchPool::create(
        {.batch_bytes = std::size_t{64} << 10, .buffered_bytes_max = std::size_t{8} << 20, .window = 4},
        listener);
    std::atomic<std::uint64_t> succeeded{0};
    std::vector<std::jthread> producers;
    for (std::uint32_t i = 0; i < producer_count; ++i) {
      producers.emplace_back([&] {
        const std::vector<std::byte> record(400);
        Code code = Code::over_capacity;
        while (code == Code::over_capacity) {
          const std::uint64_t turn = pool->room_turn();
          const Result<Offset> offset = pool->append(record, {});
          if (offset) {
            succeeded.fetch_add(1);
            continue;
          }
          code = offset.error().code();
          if (code == Code::over_capacity) pool->wait_for_room(turn, steady_clock::time_point::max());
        }
        EXPECT_EQ(code, Code::fenced);
      });
    }
    std::uint64_t taken = 0;
    const auto take_all = [&] {
      while (Batch* const batch = pool->take_ready()) {
        taken += batch->records();
        pool->release(*batch);
      }
    };
    const auto deadline = steady_clock::now() + patience;
    while (taken < 1000 + seed % 64 + round && steady_clock::now() < deadline) take_all();
    pool->stop(Error(Code::fenced, "someone else"));
    while (!pool->drained() && steady_clock::now() < deadline) take_all();
    producers.clear();
    EXPECT_EQ(taken, succeeded.load());
    EXPECT_EQ(taken, pool->end_offset());
    EXPECT_TRUE(pool->drained());
  }
}

class BatchStress : public ::testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Producers, BatchStress, ::testing::Range(1U, 9U));

TEST_P(BatchStress, WithRoom) {
  for_each_seed([](std::uint32_t seed) { Stress(GetParam(), std::size_t{8} << 20, seed).run(); });
}

// Mostly stalled: every batch waits for the one before it, the ring is at its smallest.
TEST_P(BatchStress, AtTheLimit) {
  for_each_seed([](std::uint32_t seed) { Stress(GetParam(), std::size_t{384} << 10, seed).run(); });
}

TEST_P(BatchStress, StoppedInTheMiddle) {
  for_each_seed([](std::uint32_t seed) { stop_in_the_middle(GetParam(), seed); });
}

}  // namespace
}  // namespace varve::append
