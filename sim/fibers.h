// Simulated processes on one thread: each is a group of fibers with a wall clock of its own. A fiber gives
// way only where the product's code waits; which of those that can go on goes next is drawn from the seed.
// Time passes only when nobody can.
#pragma once

#include <ucontext.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/scheduler.h"
#include "sim/random.h"

namespace varve::sim {

using ProcessId = std::uint32_t;  // 0: the world, which no fault reaches

class Fibers final : public base::Scheduler {
 public:
  /// Installs itself on the calling thread until it is destroyed.
  explicit Fibers(std::uint64_t seed);
  ~Fibers() override;
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  // Processes. -----------------------------------------------------------------------------------

  /// `clock_ahead_ms`: of its wall clock.
  ProcessId new_process(std::int64_t clock_ahead_ms = 0);
  /// A fiber in that process; nothing if that is dead.
  void start(ProcessId process, std::function<void()> body);
  /// None of its fibers runs again. What they hold stays allocated: nobody tidies up after a process that is
  /// killed.
  void kill(ProcessId process);
  [[nodiscard]] bool alive(ProcessId process) const { return processes_.at(process).alive; }
  /// None of its fibers runs until then.
  void pause(ProcessId process, base::TimePoint until);
  /// The process of the fiber that runs.
  [[nodiscard]] ProcessId process() const;

  /// Calls `action` at that time, outside of all fibers. It must not wait.
  void at(base::TimePoint time, std::function<void()> action);

  enum class Stopped : std::uint8_t { nothing_left, out_of_steps, until_reached };
  /// Runs until nothing can ever happen again, `until`, or so many turns of fibers.
  Stopped run(base::TimePoint until, std::uint64_t turns_max);
  [[nodiscard]] std::uint64_t turns() const { return turns_; }
  /// What lives and waits, for a report.
  [[nodiscard]] std::size_t waiting() const;

  // base::Scheduler ------------------------------------------------------------------------------

  base::TimePoint now() override { return now_; }
  std::int64_t unix_ms() override;
  FiberId spawn(std::function<void()> body) override;
  [[nodiscard]] FiberId running() const override;
  [[nodiscard]] bool ended(FiberId fiber) const override;
  bool wait(const void* place, base::TimePoint until) override;
  void wake(const void* place, bool all) override;
  [[nodiscard]] const void* end_of(FiberId fiber) const override;
  [[nodiscard]] void*& fiber_local() override;
  [[nodiscard]] std::uint64_t process_name() const override;

 private:
  enum class State : std::uint8_t { ready, waiting, ended };
  struct Fiber {
    FiberId id = 0;
    ProcessId process = 0;
    State state = State::ready;
    std::function<void()> body;
    ucontext_t context{};
    std::unique_ptr<std::byte[]> stack;
    const void* place = nullptr;
    void* local = nullptr;
    base::TimePoint until{};
    std::uint64_t waits_since = 0;
    bool notified = false;
  };
  struct Process {
    bool alive = true;
    std::int64_t clock_ahead_ms = 0;
    base::TimePoint paused_until{};
  };

  static void enter(unsigned high, unsigned low);
  Fiber& create(ProcessId process, std::function<void()> body);
  [[nodiscard]] bool may_run(const Fiber& fiber) const;
  void resume(Fiber& fiber);
  void give_way();
  [[nodiscard]] std::optional<base::TimePoint> next_event() const;
  void pass_time(base::TimePoint to);
  void sweep();

  Random random_;
  base::TimePoint now_;
  const std::uint64_t simulation_;  // no other has this number
  std::vector<Process> processes_;
  std::vector<std::unique_ptr<Fiber>> fibers_;  // those that have not ended
  std::vector<std::unique_ptr<std::byte[]>> free_stacks_;
  std::multimap<base::TimePoint, std::function<void()>> actions_;
  Fiber* current_fiber_ = nullptr;
  void* local_of_none_ = nullptr;
  ucontext_t main_{};
  FiberId last_id_ = 0;
  std::uint64_t clock_of_waits_ = 0;
  std::uint64_t turns_ = 0;
};

}  // namespace varve::sim
