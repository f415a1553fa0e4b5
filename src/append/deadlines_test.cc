// Every call of a writer comes back in time, whatever state the writer and its store are in; in callbacks,
// what would wait for the callback itself is refused at once; and what is refused has had no effect.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstdlib>
#include <functional>
#include <future>
#include <thread>

#include "base/mutant.h"
#include "testing/faulty.h"
#include "testing/writers.h"

namespace varve::append {
namespace {

using namespace std::chrono_literals;
using object_store::Fault;
using object_store::FaultyStore;
using object_store::RequestKind;

/// Runs `call` on a thread of its own, and ends the process if that does not come back: it cannot be joined.
template <class Call>
auto in_time(const char* what, const Call& call) {
  using Outcome = decltype(call());
  std::promise<Outcome> returned;
  std::future<Outcome> outcome = returned.get_future();
  std::thread thread([&] { returned.set_value(call()); });
  if (outcome.wait_for(10s) != std::future_status::ready) {
    std::fprintf(stderr, "%s does not come back\n", what);
    std::_Exit(1);
  }
  thread.join();
  return outcome.get();
}

/// The calls that wait, each with 50 ms to do so. None succeeds where the store does nothing.
struct WaitingCall {
  const char* name;
  std::function<std::optional<Error>(Writer&)> call;
};

template <class T>
std::optional<Error> error_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error());
}

const std::vector<WaitingCall>& waiting_calls() {
  static const std::string large(60'000, 'x');
  static const std::vector<WaitingCall> calls{
      {"append_wait", [](Writer& w) { return error_of(w.append_wait(bytes_of(large), 50ms)); }},
      {"append_batch_wait",
       [](Writer& w) {
         const auto record = bytes_of(large);
         return error_of(w.append_batch_wait(std::span(&record, 1), 50ms));
       }},
      {"reserve_wait", [](Writer& w) { return error_of(w.reserve_wait(large.size(), 50ms)); }},
      {"flush", [](Writer& w) { return error_of(w.flush(50ms)); }},
      {"wait_durable", [](Writer& w) { return error_of(w.wait_durable(w.status().end_offset + 1, 50ms)); }},
      {"trim", [](Writer& w) { return error_of(w.trim(1, {.timeout_ms = 50})); }},
      {"close", [](Writer& w) { return error_of(w.close(50ms)); }},
  };
  return calls;
}

enum class Situation : std::uint8_t {
  silent_store,
  silent_reads,
  reservation_open,
  closing_elsewhere,
  trimming_elsewhere,
  closed,
  fenced,
  given_up,
};
constexpr const char* state_names[] = {
    "SilentStore",       "SilentReads", "ReservationOpen", "ClosingElsewhere",
    "TrimmingElsewhere", "Closed",      "Fenced",          "GivenUp"};

class Deadlines : public testing::TestWithParam<std::tuple<Situation, std::size_t>> {
 protected:
  void open() {
    below_ = fresh_log(testing::UnitTest::GetInstance()->current_test_info()->name());
    store_ = std::make_shared<FaultyStore>(below_.store);
    constexpr std::size_t batch = 64 << 10;
    auto writer =
        Writer::open({store_, below_.path}, {.batch_bytes = batch,
                                             .buffered_bytes_max = 2 * batch,
                                             .give_up_ms = state() == Situation::given_up ? 20U : 0U});
    ASSERT_TRUE(writer) << writer.error().message();
    writer_ = *std::move(writer);
    ASSERT_TRUE(writer_->append(bytes_of("first")));
    ASSERT_TRUE(writer_->append(bytes_of("second")));
    ASSERT_TRUE(writer_->flush());
  }

  void silence(RequestKind kind) {
    store_->add({.request = kind, .fault = Fault::hold_request, .times = object_store::for_good});
  }

  void silence_all() {
    for (const RequestKind kind : {RequestKind::put_if_absent, RequestKind::put, RequestKind::get,
                                   RequestKind::list, RequestKind::remove})
      silence(kind);
  }

  void fill() {
    const std::string record(30'000, 'f');
    while (writer_->append(bytes_of(record))) {
    }
  }

  void bring_about() {
    switch (state()) {
      case Situation::silent_store:
        silence_all();
        return fill();
      case Situation::silent_reads:
        silence(RequestKind::get);
        return silence(RequestKind::list);
      case Situation::reservation_open:
        reservation_.emplace(writer_->reserve(10).value());
        return fill();
      case Situation::closing_elsewhere:
        silence_all();
        fill();
        elsewhere_ = std::thread([this] { static_cast<void>(writer_->close(3s)); });
        return wait_until_refused();
      case Situation::trimming_elsewhere:
        silence_all();
        elsewhere_ = std::thread([this] { static_cast<void>(writer_->trim(2, {.timeout_ms = 3'000})); });
        return store_->wait_for_held(1);
      case Situation::closed:
        ASSERT_TRUE(writer_->close());
        return;
      case Situation::fenced:
        successor_ = Writer::open(below_).value();
        ASSERT_TRUE(writer_->append(bytes_of("x")));
        ASSERT_EQ(writer_->flush().error().code(), Code::fenced);
        return;
      case Situation::given_up:
        silence_all();
        ASSERT_TRUE(writer_->append(bytes_of("x")));
        ASSERT_EQ(writer_->flush().error().code(), Code::unavailable);
        return;
    }
  }

  void wait_until_refused() {
    while (true) {
      const auto appended = writer_->append(bytes_of("x"));
      if (!appended && appended.error().code() == Code::closed) return;
      std::this_thread::yield();
    }
  }

  void TearDown() override {
    if (reservation_) reservation_->commit(0);
    if (store_) {
      store_->heal();
      store_->release();
    }
    if (elsewhere_.joinable()) elsewhere_.join();
  }

  [[nodiscard]] static Situation state() { return std::get<0>(GetParam()); }
  [[nodiscard]] static const WaitingCall& call() { return waiting_calls()[std::get<1>(GetParam())]; }

  LogAddress below_;
  std::shared_ptr<FaultyStore> store_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Writer> successor_;
  std::optional<Reservation> reservation_;
  std::thread elsewhere_;
};

TEST_P(Deadlines, AreKept) {
  open();
  bring_about();
  if (HasFatalFailure()) return;
  const auto began = std::chrono::steady_clock::now();
  const auto error = in_time(call().name, [&] { return call().call(*writer_); });
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_LT(took, 2s) << "with 50 ms to wait";
  // A refusal never leaves it open whether the record may be in the log.
  const bool appends = std::get<1>(GetParam()) < 3;
  if (appends && error) {
    const WriteOutcome expected =
        state() == Situation::fenced ? WriteOutcome::fenced : WriteOutcome::not_written;
    EXPECT_EQ(error->outcome(), expected) << error->message();
  }
  // The destructor comes back as well, once what the program holds is given back.
  if (reservation_) reservation_->commit(0);
  reservation_.reset();
  if (elsewhere_.joinable()) return;
  in_time("the destructor", [&] {
    writer_.reset();
    return true;
  });
}

INSTANTIATE_TEST_SUITE_P(Writer, Deadlines,
                         testing::Combine(testing::Values(Situation::silent_store, Situation::silent_reads,
                                                          Situation::reservation_open,
                                                          Situation::closing_elsewhere,
                                                          Situation::trimming_elsewhere, Situation::closed,
                                                          Situation::fenced, Situation::given_up),
                                          testing::Range(std::size_t{0}, std::size_t{7})),
                         [](const auto& one) {
                           return std::string(state_names[static_cast<int>(std::get<0>(one.param))]) + "_" +
                                  waiting_calls()[std::get<1>(one.param)].name;
                         });

// What becomes of a writer whose close ran out of time for a reservation. ---------------------------------

TEST(DeadlinesOfClose, AReservationThatIsCommittedLateEndsTheWriter) {
  const LogAddress log = fresh_log("late-reservation");
  auto writer = Writer::open(log).value();
  Reservation reservation = writer->reserve(4).value();
  EXPECT_EQ(writer->close(20ms).error().code(), Code::timed_out);
  std::promise<Result<Offset>> told;
  reservation.commit(4, [&told](const Result<Offset>& outcome) { told.set_value(outcome); });
  const Result<Offset> outcome = told.get_future().get();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().outcome(), WriteOutcome::not_written) << outcome.error().message();
  EXPECT_EQ(writer->close(10s).error().code(), Code::timed_out) << "the outcome of the first close stays";
}

TEST(DeadlinesOfCloseDeathTest, AReservationThatOutlivesItsWriterIsNamed) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        auto writer = Writer::open(fresh_log("outlives")).value();
        Reservation reservation = writer->reserve(4).value();
        writer.reset();
      },
      "Reservation");
}

// In callbacks. -------------------------------------------------------------------------------------------

class InCallback : public testing::TestWithParam<std::size_t> {};

TEST_P(InCallback, WhatWouldWaitForItIsRefusedAtOnce) {
  const WaitingCall& call = waiting_calls()[GetParam()];
  const LogAddress below = fresh_log(std::string("in-callback-") + call.name);
  constexpr std::size_t batch = 64 << 10;
  struct Scene {
    std::shared_ptr<FaultyStore> store;
    std::unique_ptr<Writer> writer = {};
    const WaitingCall& call;
    std::atomic<bool> first = true;
    std::promise<std::optional<Error>> refused = {};
  };
  Scene scene{.store = std::make_shared<FaultyStore>(below.store), .call = call};
  const WriterOptions options{.batch_bytes = batch, .buffered_bytes_max = 2 * batch};
  scene.writer = Writer::open({scene.store, below.path}, options).value();
  ASSERT_TRUE(scene.writer->append(bytes_of("record"), [&scene](const Result<Offset>&) {
    if (!scene.first.exchange(false)) return;
    // Nothing more becomes durable meanwhile: else there might be nothing to wait for.
    scene.store->add({.fault = Fault::hold_request});
    const std::string record(30'000, 'f');
    while (scene.writer->append(bytes_of(record))) {
    }
    scene.refused.set_value(scene.call.call(*scene.writer));
  }));
  auto answer = scene.refused.get_future();
  if (answer.wait_for(10s) != std::future_status::ready) {
    std::fprintf(stderr, "%s in a callback does not come back\n", call.name);
    std::_Exit(1);
  }
  const std::optional<Error> error = answer.get();
  scene.store->wait_for_held(1);
  scene.store->release();
  ASSERT_TRUE(error);
  EXPECT_TRUE(error->code() == Code::invalid_argument || error->code() == Code::over_capacity)
      << error->message();
  EXPECT_EQ(error->outcome(), WriteOutcome::not_written);
  EXPECT_TRUE(scene.writer->flush(10s)) << "the writer works as before";
  EXPECT_TRUE(scene.writer->close(10s));
}

INSTANTIATE_TEST_SUITE_P(Writer, InCallback, testing::Range(std::size_t{0}, std::size_t{7}),
                         [](const auto& one) { return std::string(waiting_calls()[one.param].name); });

TEST(InCallbackOfAnEvent, CloseIsRefusedAtOnce) {
  const LogAddress log = fresh_log("in-event");
  static std::atomic<Writer*> open_writer = nullptr;
  std::promise<std::optional<Error>> refused;
  auto writer = Writer::open(log, {.on_event =
                                       [&refused](const Event& event) {
                                         if (event.kind != EventKind::trimmed) return;
                                         refused.set_value(error_of(open_writer.load()->close(5s)));
                                       }})
                    .value();
  open_writer = writer.get();
  ASSERT_TRUE(writer->append(bytes_of("record")));
  ASSERT_TRUE(writer->flush());
  ASSERT_TRUE(in_time("trim", [&] { return writer->trim(1); }));
  EXPECT_EQ(refused.get_future().get().value().code(), Code::invalid_argument);
  EXPECT_TRUE(writer->close(10s));
}

/// Destroys the writer in the callback of its n-th record; says how many were told.
struct Demolition {
  std::unique_ptr<Writer> writer;
  int destroy_at = 0;
  std::atomic<int> told = 0;
  std::atomic<int> durable = 0;
  int expected = 0;
  std::promise<void> all_told = {};

  AppendCallback callback() {
    return [this](const Result<Offset>& outcome) {
      if (outcome) ++durable;
      const int count = ++told;
      if (count == destroy_at) writer.reset();
      if (count == expected) all_told.set_value();
    };
  }
};

TEST(InCallbackDestroyed, TheWriterEndsByItselfAndEveryCallbackComes) {
  for (const int destroy_at : {1, 3, 10}) {
    const LogAddress log = fresh_log("destroyed-at-" + std::to_string(destroy_at));
    Demolition scene{.writer = Writer::open(log).value(), .destroy_at = destroy_at, .expected = 10};
    Writer& writer = *scene.writer;
    // All in one batch, so that no append comes after the destruction.
    std::vector<std::span<const std::byte>> record{bytes_of("record")};
    Reservation held = writer.reserve(1).value();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(writer.append(record.front(), scene.callback()));
    held.commit(1);
    auto all_told = scene.all_told.get_future();
    if (all_told.wait_for(10s) != std::future_status::ready) {
      std::fprintf(stderr, "destroying a writer in its callback does not end\n");
      std::_Exit(1);
    }
    EXPECT_EQ(scene.durable, 10);
    auto next = Writer::open(log);
    ASSERT_TRUE(next) << next.error().message();
    EXPECT_EQ((*next)->status().end_offset, 11U);
  }
}

TEST(InCallbackDestroyed, ASilentStoreHoldsTheEndUpForASecondOrSo) {
  const LogAddress below = fresh_log("destroyed-silent");
  struct Scene {
    std::shared_ptr<FaultyStore> store;
    std::unique_ptr<Writer> writer = {};
    std::promise<Result<Offset>> told = {};
  };
  Scene scene{.store = std::make_shared<FaultyStore>(below.store)};
  scene.writer = Writer::open({scene.store, below.path}).value();
  ASSERT_TRUE(scene.writer->append(bytes_of("first"), [&scene](const Result<Offset>&) {
    scene.store->add({.request = RequestKind::put_if_absent,
                      .fault = Fault::hold_request,
                      .times = object_store::for_good});
    const auto second = scene.writer->append(
        bytes_of("second"), [&scene](const Result<Offset>& outcome) { scene.told.set_value(outcome); });
    ASSERT_TRUE(second);
    scene.writer.reset();
  }));
  auto told = scene.told.get_future();
  if (told.wait_for(10s) != std::future_status::ready) {
    std::fprintf(stderr, "a writer that was destroyed in its callback does not give up\n");
    std::_Exit(1);
  }
  EXPECT_EQ(told.get().error().code(), Code::timed_out);
  scene.store->heal();
  scene.store->release();
}

// A coroutine goes on in a callback.
struct Unobserved {
  struct promise_type {
    Unobserved get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::abort(); }
  };
};

TEST(InCoroutine, CloseIsRefusedAndDestructionEndsTheWriter) {
  const LogAddress log = fresh_log("coroutine");
  struct Scene {
    std::unique_ptr<Writer> writer;
    std::promise<std::optional<Error>> refused = {};
    std::promise<void> destroyed = {};
  };
  Scene scene{.writer = Writer::open(log).value()};
  const auto coroutine = [](Scene& its) -> Unobserved {
    const Result<Offset> offset = co_await its.writer->append_async(bytes_of("record"));
    its.refused.set_value(offset ? error_of(its.writer->close(5s)) : std::optional(offset.error()));
    its.writer.reset();
    its.destroyed.set_value();
  };
  coroutine(scene);
  EXPECT_EQ(scene.refused.get_future().get().value().code(), Code::invalid_argument);
  auto destroyed = scene.destroyed.get_future();
  if (destroyed.wait_for(10s) != std::future_status::ready) std::_Exit(1);
  EXPECT_EQ(Writer::open(log).value()->status().end_offset, 1U);
}

}  // namespace
}  // namespace varve::append
