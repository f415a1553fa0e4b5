// One seed: a log, and processes that use it by the public interface, as users' programs do: writers,
// followers, consumers, retention, a mirror and its promotion. They are killed, paused, and given bad
// weather; then it clears, and all must end well.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "base/entropy.h"
#include "sim/bucket.h"
#include "sim/fibers.h"
#include "sim/ledger.h"
#include "varve/writer.h"

namespace varve::sim {

class Scenario {
 public:
  struct Options {
    std::uint64_t seed = 0;
    bool verbose = false;
  };
  explicit Scenario(Options options);
  ~Scenario();
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;

  /// What went wrong, if anything did.
  std::optional<std::string> run();
  [[nodiscard]] std::uint64_t turns() const { return fibers_.turns(); }

 private:
  /// One record on its way, for its callback.
  struct Append {
    Ledger& ledger;
    std::string text;
    Offset& told_below;  // of its writer: callbacks come in offset order
  };
  struct Seeded final : base::Entropy {
    explicit Seeded(std::uint64_t seed) : random(seed) {}
    std::uint64_t next() override { return random.next(); }
    Random random;
  };

  void begin_process(std::uint64_t after_ms);
  void writer(ProcessId process);
  void append_some(Writer& writer, const std::string& name, std::uint64_t records);
  void follower(ProcessId process, bool follow);
  void consumer(ProcessId process);
  void retention(ProcessId process);
  void mirror(ProcessId process);
  void end_well(std::string& unfinished);
  void promote_mirror(ProcessId process, std::string& unfinished);
  void check_whole(const LogAddress& log, const char* where, std::string& unfinished);

  [[nodiscard]] WriterOptions writer_options();
  [[nodiscard]] LogAddress source(ProcessId process) { return {source_.client(process), "log"}; }
  [[nodiscard]] LogAddress copy(ProcessId process) { return {copy_.client(process), "copy"}; }
  void rest(std::uint64_t most_ms);
  void judge(const char* who, const Error& error);
  void say(const std::string& what);

  Options options_;
  Random random_;
  Seeded entropy_;
  Fibers fibers_;
  Bucket source_;
  Bucket copy_;
  Ledger ledger_;
  std::deque<Append> appends_;
  std::deque<Offset> told_below_;
  std::uint64_t names_ = 0;
  ProcessId processes_ = 0;  // 1 to here
  bool has_mirror_ = false;
  bool calm_ = false;      // faults have stopped
  Offset done_below_ = 0;  // the consumer has said so: its cursor is here at most
  bool retains_ = false;   // what the cursor does not need may be trimmed
};

}  // namespace varve::sim
