// One run: writers, readers, a store with faults and a clock, all from one seed. A run is first made
// unsafe (faults, crashes, sleepers), then live: faults stop, and all must come to a good end.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "chain/test_log.h"
#include "sim/faults.h"
#include "sim/oracle.h"
#include "sim/reader.h"
#include "sim/writer.h"

namespace varve::sim {

struct RunOptions {
  std::uint64_t seed = 1;
  std::uint64_t steps = 500;  ///< of the unsafe phase
  FaultSet never = 0;         ///< faults switched off
  std::function<void(const std::string&)> trace;
};

struct RunReport {
  std::optional<std::string> violation;
  std::uint64_t step = 0;  ///< reached
  std::uint64_t objects = 0;
  std::uint64_t digest = 0;
};

class Simulation {
 public:
  explicit Simulation(RunOptions options);
  RunReport run();

 private:
  struct Event {
    enum class Kind : std::uint8_t { arrive, list_rest, answer, tick, act };
    std::uint64_t time = 0;
    std::uint64_t order = 0;
    Kind kind = Kind::act;
    std::size_t actor = 0;
    std::uint64_t life = 0;  ///< of the actor; an answer to an earlier one is nobody's
    Call call = {};
    chain::Reply reply = {};
    bool answered = true;  ///< arrive: a reply is wanted
    bool damaged = false;
    bool operator<(const Event& other) const {
      return time != other.time ? time > other.time : order > other.order;
    }
  };
  struct Actor {
    std::optional<Writer> writer;
    std::optional<Reader> reader;
    std::uint64_t life = 0;
    std::uint64_t asleep_until = 0;
    std::uint64_t tick_at = 0;
  };

  void push(Event event);
  void step(Event event);
  bool drain(std::uint64_t most);
  bool drain_until(std::uint64_t most, const std::function<bool()>& done);
  void note(const Event& event);

  // The network. ---------------------------------------------------------------------------------
  void send(std::size_t actor, Call call);
  void send_write(Event event);
  void send_read(Event event);
  void collect(std::size_t actor);
  chain::Reply apply(const chain::Request& request);
  void arrive(Event event);
  void list_rest(Event event);
  void answer(Event event);
  [[nodiscard]] std::uint64_t delay();

  // What actors do of themselves. ------------------------------------------------------------------
  void act(std::size_t actor);
  void act_as_writer(std::size_t actor);
  void act_as_reader(std::size_t actor);
  void disturb_checkpoint();
  void open_writer(std::size_t actor, const chain::AppenderOptions& options);
  void end_life(Actor& actor);

  // The live phase. --------------------------------------------------------------------------------
  void come_to_a_good_end();
  void check_leftovers();
  void check_reader_reaches_end();
  void check_losses_are_told();

  RunOptions options_;
  Random random_;
  Faults faults_;
  Oracle oracle_;
  chain::TestLog log_;
  std::vector<std::vector<std::byte>> old_checkpoints_;
  std::vector<Event> events_;  // a heap
  std::vector<Actor> actors_;
  std::uint64_t now_ = 1;
  std::uint64_t order_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t writers_born_ = 0;
  bool live_ = false;
};

}  // namespace varve::sim
