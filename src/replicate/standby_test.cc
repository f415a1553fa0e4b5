// A writer whose log is in two stores: what it acknowledges, and what is left when either store, or the
// writer, is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "object_store/metered.h"
#include "testing/event_recorder.h"
#include "testing/faulty.h"
#include "testing/mirrors.h"
#include "testing/writers.h"
#include "varve/inspect.h"
#include "varve/writer.h"

namespace varve {
namespace {

using namespace std::chrono_literals;
using append::bytes_of;
using append::Recorder;
using object_store::Fault;
using object_store::FaultyStore;
using object_store::for_good;
using object_store::RequestKind;
using ::testing::HasSubstr;

// Longer than a busy machine takes for anything.
constexpr std::uint32_t patient_ms = 60'000;
constexpr std::size_t smallest_batch = std::size_t{64} << 10;

std::string text_at(Offset offset) { return "record " + std::to_string(offset); }

/// Two stores that do as they are told, and a log in each.
struct Pair {
  std::shared_ptr<FaultyStore> here =
      std::make_shared<FaultyStore>(std::make_shared<object_store::MemoryStore>("here"));
  std::shared_ptr<FaultyStore> there =
      std::make_shared<FaultyStore>(std::make_shared<object_store::MemoryStore>("there"));
  LogAddress first{here, "log"};
  LogAddress second{there, "copy"};

  [[nodiscard]] WriterOptions options() const {
    return {.batch_bytes = smallest_batch, .window = 8, .standby = second};
  }
  [[nodiscard]] WriterOptions going_on(std::uint32_t patience_ms = 20) const {
    WriterOptions options = this->options();
    options.on_standby_loss = OnStandbyLoss::degrade;
    options.standby_patience_ms = patience_ms;
    return options;
  }
};

void befall(FaultyStore& store, RequestKind kind, Fault fault, std::uint64_t skip = 0) {
  store.add({.request = kind, .fault = fault, .skip = skip, .times = for_good});
}
void take_away(FaultyStore& store) {
  for (const RequestKind kind :
       {RequestKind::put_if_absent, RequestKind::put, RequestKind::get, RequestKind::list}) {
    befall(store, kind, Fault::fail);
  }
}

/// What was acknowledged, in the order in which it was told; outlives its writers.
class Told {
 public:
  AppendCallback callback() {
    return [this](const Result<Offset>& outcome) {
      const std::lock_guard lock(mutex_);
      if (outcome) {
        offsets_.push_back(*outcome);
      } else {
        failures_.push_back(outcome.error());
      }
      changed_.notify_all();
    };
  }
  [[nodiscard]] std::vector<Offset> offsets() const {
    const std::lock_guard lock(mutex_);
    return offsets_;
  }
  /// Callbacks come a little later than the watermark moves.
  void wait_for(std::size_t outcomes) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return offsets_.size() + failures_.size() >= outcomes; });
  }
  [[nodiscard]] std::vector<Error> failures() const {
    const std::lock_guard lock(mutex_);
    return failures_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Offset> offsets_;
  std::vector<Error> failures_;
};

Offset append_to(Writer& writer, Told& told) {
  const Offset next = writer.status().end_offset;
  const auto appended = writer.append(bytes_of(text_at(next)), told.callback());
  EXPECT_TRUE(appended) << appended.error().message();
  return next;
}

void append_objects(Writer& writer, Told& told, int count) {
  std::size_t outcomes = told.offsets().size();
  for (int i = 0; i < count; ++i) {
    append_to(writer, told);
    const auto flushed = writer.flush();
    ASSERT_TRUE(flushed) << flushed.error().message();
    told.wait_for(++outcomes);
  }
}

/// Appends in objects of their own, of which nothing need become durable.
void append_full_batches(Writer& writer, Told& told, int count) {
  const std::string large(smallest_batch - 64, 'x');
  for (int i = 0; i < count; ++i) ASSERT_TRUE(writer.append(bytes_of(large), told.callback()));
}

void expect_the_same(const Pair& pair) {
  EXPECT_EQ(records_of(pair.second), records_of(pair.first));
  const auto report = verify(pair.second);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->findings.empty()) << report->findings.front().what;
}

/// What becomes of the log when the first store is lost.
std::map<Offset, std::string> left_after_losing_the_first(const Pair& pair) {
  while (true) {
    const auto plan = plan_promotion(pair.second);
    if (!plan) return {};
    const auto done = promote(pair.second, {.accept_loss_after = plan->end_offset});
    if (done) break;
    // A writer that is still at work has moved the end since, or wins every race for it.
    const Code code = done.error().code();
    EXPECT_TRUE(code == Code::out_of_range || code == Code::unavailable) << done.error().message();
    if (code != Code::out_of_range && code != Code::unavailable) return {};
  }
  auto writer = Writer::open(pair.second);
  EXPECT_TRUE(writer) << writer.error().message();
  return records_of(pair.second);
}

void expect_nothing_is_lost(const Told& told, const std::map<Offset, std::string>& left) {
  for (const Offset offset : told.offsets()) {
    ASSERT_TRUE(left.contains(offset)) << "acknowledged, and not in the second: " << offset;
    EXPECT_EQ(left.at(offset), text_at(offset));
  }
}

TEST(StandbyStore, HasWhatIsAcknowledged) {
  const Pair pair;
  auto opened = Writer::open(pair.first, pair.options());
  ASSERT_TRUE(opened) << opened.error().message();
  Writer& writer = **opened;
  Told told;
  append_objects(writer, told, 3);
  befall(*pair.there, RequestKind::put_if_absent, Fault::hold_request);
  append_to(writer, told);
  pair.there->wait_for_held(1);
  EXPECT_EQ(records_of(pair.first).size(), 4U) << "the first has it";
  const Result<void> early = writer.flush(5ms);
  ASSERT_FALSE(early) << "and the second does not";
  EXPECT_EQ(early.error().code(), Code::timed_out);
  EXPECT_EQ(told.offsets().size(), 3U);
  EXPECT_EQ(writer.status().durable_offset, 3U);
  EXPECT_EQ(writer.status().standby->durable_offset, 3U);
  pair.there->heal();
  pair.there->release();
  ASSERT_TRUE(writer.flush());
  EXPECT_EQ(writer.status().standby->durable_offset, 4U);
  EXPECT_GE(writer.metrics().standby_wait_us.count(), 4U);
  ASSERT_TRUE(writer.close());
  EXPECT_EQ(told.offsets(), (std::vector<Offset>{0, 1, 2, 3}));
  expect_the_same(pair);
}

TEST(StandbyStore, IsToldOfObjectsInAnyOrderAndAcknowledgesInOrder) {
  const Pair pair;
  const auto writer = Writer::open(pair.first, pair.options()).value();
  Told told;
  append_objects(*writer, told, 1);
  pair.there->add({.request = RequestKind::put_if_absent, .fault = Fault::hold_answer, .times = 1});
  append_full_batches(*writer, told, 5);
  pair.there->wait_for_held(1);
  while (records_of(pair.first).size() < 6) std::this_thread::yield();
  EXPECT_EQ(told.offsets().size(), 1U) << "those behind it may be there, and do not count yet";
  pair.there->release();
  ASSERT_TRUE(writer->flush());
  ASSERT_TRUE(writer->close());
  EXPECT_EQ(told.offsets(), (std::vector<Offset>{0, 1, 2, 3, 4, 5}));
  expect_the_same(pair);
}

TEST(StandbyStore, CostsNoGet) {
  Pair pair;
  const auto metered = std::make_shared<object_store::MeteredStore>(pair.here);
  pair.first.store = metered;
  for (const bool goes_on : {false, true}) {
    const auto writer =
        Writer::open(pair.first, goes_on ? pair.going_on(patient_ms) : pair.options()).value();
    Told told;
    append_objects(*writer, told, 1);
    const auto before = metered->counts(RequestKind::get).started;
    append_objects(*writer, told, 20);
    EXPECT_EQ(metered->counts(RequestKind::get).started, before);
    ASSERT_TRUE(writer->close());
  }
  expect_the_same(pair);
}

TEST(StandbyStore, ThatIsAwayStopsTheWriter) {
  const Pair pair;
  WriterOptions options = pair.options();
  options.buffered_bytes_max = 4 * smallest_batch;
  const auto writer = Writer::open(pair.first, options).value();
  Told told;
  append_objects(*writer, told, 1);
  take_away(*pair.there);
  const std::string large(smallest_batch / 2, 'x');
  Offset appended = 1;
  while (writer->append(bytes_of(large), told.callback())) ++appended;
  EXPECT_EQ(writer->append(bytes_of(large)).error().code(), Code::over_capacity);
  while (!writer->status().standby->waiting_for) std::this_thread::yield();
  EXPECT_LE(writer->status().buffered_bytes, options.buffered_bytes_max);
  EXPECT_EQ(told.offsets().size(), 1U);
  EXPECT_FALSE(writer->status().standby->degraded);
  pair.there->heal();
  ASSERT_TRUE(writer->flush());
  EXPECT_EQ(writer->status().durable_offset, appended);
  ASSERT_TRUE(writer->close());
  expect_the_same(pair);
}

TEST(StandbyStore, IsGivenUpAsTheFirstIs) {
  for (const bool at_first : {false, true}) {
    const Pair pair;
    WriterOptions options = pair.options();
    options.give_up_ms = 400;
    Recorder witness;
    options.on_event = witness.callback();
    const auto writer = Writer::open(pair.first, options).value();
    Told told;
    append_objects(*writer, told, 2);
    take_away(at_first ? *pair.here : *pair.there);
    append_to(*writer, told);
    EXPECT_EQ(writer->flush().error().code(), Code::unavailable);
    ASSERT_TRUE(witness.waits_for(EventKind::gave_up));
    EXPECT_FALSE(writer->close());
    ASSERT_EQ(told.failures().size(), 1U);
    if (!at_first) {
      EXPECT_EQ(told.failures().front().outcome(), WriteOutcome::unknown) << "the first has it";
    }
    pair.here->heal();
    pair.there->heal();
    EXPECT_EQ(records_of(pair.second).size(), 2U);
  }
}

TEST(StandbyStore, ThatIsAwayIsGoneOnWithoutAndWaitedForAgain) {
  const Pair pair;
  WriterOptions options = pair.going_on(300);
  Recorder witness;
  options.on_event = witness.callback();
  const auto writer = Writer::open(pair.first, options).value();
  Told told;
  append_objects(*writer, told, 2);
  while (writer->status().standby->degraded) std::this_thread::yield();  // a busy machine
  take_away(*pair.there);
  append_objects(*writer, told, 30);
  ASSERT_TRUE(witness.waits_for(EventKind::standby_lost));
  const StandbyStatus away = *writer->status().standby;
  EXPECT_TRUE(away.degraded);
  EXPECT_GT(away.degraded_since_unix_ms, 0);
  EXPECT_EQ(away.unreplicated_records, 30U);
  EXPECT_GE(writer->metrics().degradations, 1U);
  EXPECT_GT(witness.count(EventKind::standby_lost), witness.count(EventKind::standby_caught_up));

  pair.there->heal();
  ASSERT_TRUE(witness.waits_for(EventKind::standby_caught_up));
  while (writer->status().standby->degraded) std::this_thread::yield();
  EXPECT_EQ(records_of(pair.second).size(), 32U) << "nothing is in the first alone once that is said";
  befall(*pair.there, RequestKind::put_if_absent, Fault::hold_request);
  append_to(*writer, told);
  pair.there->wait_for_held(1);
  EXPECT_EQ(writer->status().durable_offset, 32U) << "it waits for both again";
  pair.there->heal();
  pair.there->release();
  ASSERT_TRUE(writer->close());
  expect_the_same(pair);
}

TEST(StandbyStore, ThatAnswersNoMoreHoldsNoneOfTheBuffers) {
  const Pair pair;
  WriterOptions options = pair.going_on();
  options.buffered_bytes_max = 4 * smallest_batch;
  const auto writer = Writer::open(pair.first, options).value();
  Told told;
  append_objects(*writer, told, 1);
  befall(*pair.there, RequestKind::put_if_absent, Fault::hold_request);
  const std::string large(smallest_batch / 2, 'x');
  for (int i = 0; i < 40; ++i) {
    const auto appended = writer->append_wait(bytes_of(large), 10s, told.callback());
    ASSERT_TRUE(appended) << appended.error().message();
  }
  ASSERT_TRUE(writer->flush(10s));
  EXPECT_TRUE(writer->status().standby->degraded);
  pair.there->heal();
  pair.there->release();
  ASSERT_TRUE(writer->close());
}

// The writer dies wherever either store fails from its k-th request on; then the first store is lost.
TEST(StandbyStore, LosesNothingThatWasAcknowledged) {
  for (const bool at_second : {false, true}) {
    for (const RequestKind kind : {RequestKind::put_if_absent, RequestKind::put}) {
      for (const Fault fault : {Fault::fail, Fault::lose_answer, Fault::hold_answer}) {
        for (std::uint64_t k = 0; k < 9; k += kind == RequestKind::put ? 2 : 1) {
          SCOPED_TRACE(::testing::Message() << at_second << ' ' << static_cast<int>(kind) << ' '
                                            << static_cast<int>(fault) << ' ' << k);
          const Pair pair;
          WriterOptions options = pair.options();
          options.give_up_ms = 8;
          options.open_timeout_ms = 20;
          Told told;
          befall(at_second ? *pair.there : *pair.here, kind, fault, k);
          if (auto writer = Writer::open(pair.first, options)) {
            for (int i = 0; i < 6; ++i) {
              const std::string record = text_at(static_cast<Offset>(i));
              if (!(*writer)->append(bytes_of(record), told.callback()) || !(*writer)->flush()) break;
            }
            static_cast<void>((*writer)->close(5ms));
          }
          pair.there->heal();
          const auto left = left_after_losing_the_first(pair);
          expect_nothing_is_lost(told, left);
          if (::testing::Test::HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(StandbyStore, OfAFencedWriterIsTheNextOnes) {
  const Pair pair;
  const auto before = Writer::open(pair.first, pair.options()).value();
  Told told;
  append_objects(*before, told, 3);
  const auto after = Writer::open(pair.first, pair.options()).value();
  append_to(*before, told);
  EXPECT_EQ(before->flush().error().code(), Code::fenced);
  append_objects(*after, told, 3);
  ASSERT_TRUE(after->close());
  EXPECT_EQ(told.offsets(), (std::vector<Offset>{0, 1, 2, 3, 4, 5}));
  expect_the_same(pair);
}

// Whoever promotes the second cannot reach the first, so nobody has sealed that.
TEST(StandbyStore, ThatIsPromotedFencesTheWriter) {
  for (const bool goes_on : {false, true}) {
    const Pair pair;
    WriterOptions options = goes_on ? pair.going_on(patient_ms) : pair.options();
    Recorder witness;
    options.on_event = witness.callback();
    const auto writer = Writer::open(pair.first, options).value();
    Told told;
    append_objects(*writer, told, 3);
    ASSERT_TRUE(promote(pair.second, {.accept_loss_after = 3}));
    append_to(*writer, told);
    const auto flushed = writer->flush();
    ASSERT_FALSE(flushed);
    EXPECT_EQ(flushed.error().code(), Code::fenced) << flushed.error().message();
    EXPECT_THAT(flushed.error().message(), HasSubstr("promoted"));
    ASSERT_TRUE(witness.waits_for(EventKind::fenced));
    EXPECT_EQ(told.offsets().size(), 3U);
    EXPECT_EQ(Writer::open(pair.first, options).error().code(), Code::fenced);
    const auto next = Writer::open(pair.second);
    ASSERT_TRUE(next) << next.error().message();
    EXPECT_EQ((*next)->status().end_offset, 3U);
  }
}

TEST(StandbyStore, ThatIsPromotedWhileItIsWrittenToHasAllThatWasAcknowledged) {
  for (int round = 0; round < 8; ++round) {
    const Pair pair;
    const auto writer = Writer::open(pair.first, pair.options()).value();
    Told told;
    append_objects(*writer, told, 1);
    // Not for ever: whoever promotes says where the mirror ends, and must come to say it in time.
    const Offset most = static_cast<Offset>(round) * 8 + 200;
    std::thread appending([&] {
      Offset next = 1;
      while (next < most && writer->append(bytes_of(text_at(next)), told.callback())) {
        ++next;
        if (next % 8 == 0 && !writer->flush()) break;
      }
    });
    while (told.offsets().size() < static_cast<std::size_t>(1 + round * 8)) std::this_thread::yield();
    const auto left = left_after_losing_the_first(pair);
    appending.join();
    EXPECT_FALSE(writer->close());
    expect_nothing_is_lost(told, left);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(StandbyStore, IsRefusedBeforeAnybodyIsFenced) {
  const Pair pair;
  const auto at_work = Writer::open(pair.first, pair.options()).value();
  Told told;
  append_objects(*at_work, told, 2);
  const auto code_with = [&](const LogAddress& second) {
    WriterOptions options = pair.options();
    options.open_timeout_ms = 200;
    options.standby = second;
    const auto opened = Writer::open(pair.first, options);
    return opened ? Code::internal : opened.error().code();
  };
  EXPECT_EQ(code_with(pair.first), Code::invalid_argument);
  const LogAddress other{pair.there, "other"};
  ASSERT_TRUE(Writer::open(other).value()->close());
  EXPECT_EQ(code_with(other), Code::foreign);
  const Pair away;
  take_away(*away.there);
  EXPECT_EQ(code_with(away.second), Code::unavailable);
  append_objects(*at_work, told, 1);

  WriterOptions options = pair.options();
  options.standby = other;
  EXPECT_EQ(Writer::open({pair.here, "new"}, options).error().code(), Code::foreign)
      << "of a log that does not exist yet, there can be no mirror";
}

TEST(StandbyStore, ThatIsAwayWhenTheWriterIsOpenedComesLater) {
  const Pair pair;
  Told told;
  {
    const auto writer = Writer::open(pair.first).value();
    append_objects(*writer, told, 12);
  }
  take_away(*pair.there);
  WriterOptions options = pair.going_on(300);
  Recorder witness;
  options.on_event = witness.callback();
  const auto writer = Writer::open(pair.first, options).value();
  append_objects(*writer, told, 3);
  ASSERT_TRUE(witness.waits_for(EventKind::standby_lost));
  pair.there->heal();
  ASSERT_TRUE(witness.waits_for(EventKind::standby_caught_up));
  while (writer->status().standby->degraded) std::this_thread::yield();
  ASSERT_TRUE(writer->close());
  expect_the_same(pair);
}

TEST(StandbyStore, CatchesUpBeforeTheLogIsTakenOver) {
  const Pair pair;
  Told told;
  const auto before = Writer::open(pair.first).value();
  append_objects(*before, told, 12);
  befall(*pair.there, RequestKind::put_if_absent, Fault::hold_request, 3);
  WriterOptions options = pair.options();
  options.open_timeout_ms = 30;
  // How far it came by then: to where it waits for the standby, or not even there.
  const Code ended = Writer::open(pair.first, options).error().code();
  EXPECT_TRUE(ended == Code::timed_out || ended == Code::unavailable);
  append_objects(*before, told, 1);
  pair.there->heal();
  pair.there->release();
  const auto writer = Writer::open(pair.first, pair.options()).value();
  append_objects(*writer, told, 1);
  ASSERT_TRUE(writer->close());
  expect_the_same(pair);
}

TEST(StandbyStore, FollowsTrimsAndIsNotTrimmedPast) {
  const Pair pair;
  WriterOptions options = pair.going_on(300);
  Recorder witness;
  options.on_event = witness.callback();
  const auto writer = Writer::open(pair.first, options).value();
  Told told;
  append_objects(*writer, told, 10);
  ASSERT_TRUE(writer->trim(5));
  take_away(*pair.there);
  append_objects(*writer, told, 20);
  ASSERT_TRUE(witness.waits_for(EventKind::standby_lost));
  ASSERT_TRUE(writer->trim(25));
  EXPECT_EQ(writer->status().start_offset, 25U);
  pair.there->heal();
  ASSERT_TRUE(witness.waits_for(EventKind::standby_caught_up));
  while (writer->status().standby->degraded) std::this_thread::yield();
  append_objects(*writer, told, 3);
  const std::size_t kept = objects_of(pair.first).size();
  ASSERT_TRUE(writer->trim(28));
  EXPECT_LT(objects_of(pair.first).size(), kept - 10) << "what the second has by now goes with the next trim";
  ASSERT_TRUE(writer->close());
  EXPECT_EQ(records_of(pair.second).begin()->first, 28U);
  expect_the_same(pair);
}

TEST(StandbyStore, HasTheEndOfALogThatIsClosed) {
  const Pair pair;
  Told told;
  for (int life = 0; life < 3; ++life) {
    const auto writer = Writer::open(pair.first, pair.options()).value();
    append_objects(*writer, told, 2);
    ASSERT_TRUE(writer->close());
    EXPECT_EQ(chain_of(pair.second), chain_of(pair.first));
  }
  EXPECT_EQ(plan_promotion(pair.second)->source_end, 6U);
}

}  // namespace
}  // namespace varve
