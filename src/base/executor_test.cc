#include "base/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <vector>

#include "base/clock.h"

namespace varve::base {
namespace {

// For what comes at once if it comes at all.
constexpr std::chrono::seconds long_enough{10};

/// Steps as a test says.
class Stepped final : public Executor::Task {
 public:
  explicit Stepped(std::function<Executor::Next()> each) : each_(std::move(each)) {}
  Executor::Next step() override { return each_(); }

 private:
  const std::function<Executor::Next()> each_;
};

std::shared_ptr<Stepped> task(std::function<Executor::Next()> each) {
  return std::make_shared<Stepped>(std::move(each));
}

TEST(Executor, StepsATaskOnceItIsAddedAndWheneverItIsWoken) {
  Executor executor("a test", 2);
  std::atomic<int> steps = 0;
  std::atomic<bool> ends = false;
  const auto counting = task([&]() -> Executor::Next {
    const bool last = ends;  // before it is seen to step
    ++steps;
    steps.notify_all();
    return {.ended = last};
  });
  executor.add(counting);
  steps.wait(0);
  ends = true;
  counting->wake();
  counting->wait_until_let_go();
  EXPECT_GE(steps, 2);
  EXPECT_EQ(counting.use_count(), 1) << "nobody else holds it";
}

// A wake during a step is not lost: what the step has not seen, the next one sees.
TEST(Executor, AWakeDuringAStepHasItSteppedOnceMore) {
  Executor executor("a test", 2);
  std::atomic<int> steps = 0;
  std::promise<void> stepped_again;
  Stepped* self = nullptr;
  const auto once_more = task([&]() -> Executor::Next {
    const int step = ++steps;
    if (step == 1) self->wake();
    if (step == 2) stepped_again.set_value();
    return {.ended = step == 2};
  });
  self = once_more.get();
  executor.add(once_more);
  EXPECT_EQ(stepped_again.get_future().wait_for(long_enough), std::future_status::ready);
  once_more->wake();  // it ends, whatever was found
  once_more->wait_until_let_go();
}

TEST(Executor, ATimeComesWithoutAWakeAndNotBefore) {
  Executor executor("a test", 2);
  std::vector<TimePoint> steps;
  TimePoint due;
  const auto timed = task([&]() -> Executor::Next {
    steps.push_back(now());
    if (steps.size() == 1) due = now() + std::chrono::milliseconds(20);
    return {.at = due, .ended = steps.size() == 2};
  });
  executor.add(timed);
  timed->wait_until_let_go();
  EXPECT_GE(steps.back(), due);
}

// A thread rests until a late time, and then hears of an earlier one.
TEST(Executor, AnEarlierTimeIsNotMissedByThoseWhoRest) {
  Executor executor("a test", 2);
  const TimePoint late = now() + std::chrono::hours(1);
  std::atomic<bool> ends = false;
  const auto later = task([&]() -> Executor::Next { return {.at = late, .ended = ends}; });
  executor.add(later);
  int steps = 0;
  const auto earlier = task([&]() -> Executor::Next {
    ++steps;
    return {.at = now() + std::chrono::milliseconds(1), .ended = steps == 3};
  });
  executor.add(earlier);
  earlier->wait_until_let_go();
  ends = true;
  later->wake();
  later->wait_until_let_go();
}

TEST(Executor, ManyTasksHaveFewThreads) {
  Executor executor("a test", 3);
  constexpr int many = 1000;
  std::atomic<int> ended = 0;
  std::vector<std::shared_ptr<Stepped>> tasks;
  for (int i = 0; i < many; ++i) {
    tasks.push_back(task([&, steps = 0]() mutable -> Executor::Next {
      if (++steps < 3) return {.at = now()};
      ++ended;
      return {.ended = true};
    }));
    executor.add(tasks.back());
    EXPECT_LE(executor.threads(), 3U);
  }
  for (const auto& each : tasks) each->wait_until_let_go();
  EXPECT_EQ(ended, many);
}

// One thread; the first task waits, as the library does, for what the second does.
TEST(Executor, AStepThatWaitsDoesNotKeepWhatItWaitsForFromRunning) {
  Executor executor("a test", 1);
  std::mutex mutex;
  Condition changed;
  bool done = false;
  const auto waiting = task([&]() -> Executor::Next {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_until(lock, now() + long_enough, [&] { return done; }));
    return {.ended = true};
  });
  const auto doing = task([&]() -> Executor::Next {
    const std::lock_guard lock(mutex);
    done = true;
    changed.notify_all();
    return {.ended = true};
  });
  executor.add(waiting);
  executor.add(doing);
  waiting->wait_until_let_go();
  doing->wait_until_let_go();
}

// Nobody waits for the task in its own step: the threads go when it has ended.
TEST(Executor, CanGoInAStepOfItsLastTask) {
  auto executor = std::make_unique<Executor>("a test", 1);
  std::latch gone(1);
  const auto last = task([&, steps = 0]() mutable -> Executor::Next {
    if (++steps == 1) {
      executor.reset();
      return {.at = now()};
    }
    gone.count_down();
    return {.ended = true};
  });
  executor->add(last);
  gone.wait();
  last->wait_until_let_go();
}

TEST(Executor, AWakeAfterTheEndOrBeforeItWasAddedDoesNothing) {
  const auto ends = task([]() -> Executor::Next { return {.ended = true}; });
  ends->wake();
  Executor executor("a test", 1);
  executor.add(ends);
  ends->wait_until_let_go();
  ends->wake();
}

}  // namespace
}  // namespace varve::base
