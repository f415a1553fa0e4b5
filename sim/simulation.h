// One run: writers, readers, a store with faults and a clock, all from one seed; in some runs also a mirror
// in a second store, that may be promoted and then has a writer and a reader of its own. A run is first made
// unsafe (faults, crashes, sleepers), then live: faults stop, and all must come to a good end.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/destination.h"
#include "sim/faults.h"
#include "sim/mirror.h"
#include "sim/oracle.h"
#include "sim/promoter.h"
#include "sim/reader.h"
#include "sim/writer.h"
#include "testing/test_log.h"

namespace varve::sim {

struct RunOptions {
  std::uint64_t seed = 1;
  std::uint64_t steps = 500;  ///< of the unsafe phase; five times as many where there is a mirror
  FaultSet never = 0;         ///< faults switched off
  std::function<void(const std::string&)> trace;
  const Recorder* recorder = nullptr;  ///< is told what happens to the log, in the first store
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
  // The actors: these, and where there is a mirror, that, who promotes it, a writer and a reader of what it
  // becomes.
  static constexpr std::size_t writers = 3;
  static constexpr std::size_t readers = 2;
  static constexpr std::size_t mirror_at = writers + readers;
  static constexpr std::size_t promoter_at = mirror_at + 1;
  static constexpr std::size_t writer_there = mirror_at + 2;
  static constexpr std::size_t reader_there = mirror_at + 3;
  static constexpr std::size_t with_mirror = mirror_at + 4;

  struct Event {
    enum class Kind : std::uint8_t { arrive, list_rest, answer, tick, act };
    std::uint64_t time = 0;
    std::uint64_t order = 0;
    Kind kind = Kind::act;
    std::size_t actor = 0;
    std::uint64_t life = 0;  ///< of the actor; an answer to an earlier one is nobody's
    Call call = {};
    protocol::Reply reply = {};
    bool answered = true;  ///< arrive: a reply is wanted
    bool damaged = false;
    Fault list_fault = Fault::split_list;     ///< list_rest: how the moments go together
    std::uint64_t moments_left = 0;           ///< list_rest: to look at
    std::vector<std::set<Seq>> moments = {};  ///< what there was at each
    bool operator<(const Event& other) const {
      return time != other.time ? time > other.time : order > other.order;
    }
  };
  struct Actor {
    std::optional<Writer> writer;
    std::optional<Reader> reader;
    std::optional<Mirror> mirror;
    std::optional<Promoter> promoter;
    bool there = false;   ///< at work on what was promoted
    bool judged = false;  ///< how its mirror or promotion ended
    bool vague = false;   ///< it began when nothing said that there is a mirror
    std::uint64_t life = 0;
    std::uint64_t asleep_until = 0;
    std::uint64_t tick_at = 0;
  };

  void push(Event event);
  void step(Event event);
  void tick(Actor& actor);
  [[nodiscard]] bool violated();
  [[nodiscard]] Oracle& oracle(bool there) {
    return there && there_->promoted() ? there_->oracle() : oracle_;
  }
  bool drain(std::uint64_t most);
  bool drain_until(std::uint64_t most, const std::function<bool()>& done);
  void note(const Event& event);

  // The network. ---------------------------------------------------------------------------------
  void send(std::size_t actor, Call call);
  void send_write(Event event);
  void send_read(Event event);
  void collect(std::size_t actor);
  static void note_effect(const Recorder& trail, const protocol::Request& request,
                          const protocol::Reply& reply, bool there);
  protocol::Reply apply(const protocol::Request& request, bool there);
  void arrive(Event event);
  [[nodiscard]] std::optional<Fault> listing_fault();
  [[nodiscard]] std::set<Seq> names_from(const Event& event) const;
  void list_rest(Event event);
  void list_together(Event& event);
  void answer(Event event);
  [[nodiscard]] std::uint64_t delay();

  // What actors do of themselves. ------------------------------------------------------------------
  void act(std::size_t actor);
  void act_as_writer(std::size_t actor);
  void act_as_reader(std::size_t actor);
  void disturb_checkpoint();
  void use_writer(Writer& writer, Oracle& truth);
  void open_writer(std::size_t actor, const protocol::AppenderOptions& options,
                   const protocol::Pacing& pacing = protocol::Pacing(0, 1, 0));
  void end_life(Actor& actor);
  /// As the recorder knows it.
  [[nodiscard]] Client client(std::size_t actor) const;
  /// Of what clients do and are told: only those of the first store's log, and mirrors.
  [[nodiscard]] const Recorder* recorder(bool there) const { return there ? nullptr : options_.recorder; }
  /// Of requests, and what they do in a store.
  [[nodiscard]] const Recorder* wire_recorder(bool there) const;

  // Mirror and promotion. --------------------------------------------------------------------------
  void prepare_mirror();
  void act_about_mirror(std::size_t actor);
  void act_as_mirror(Actor& actor);
  void act_as_promoter(Actor& actor);
  void start_mirror(Actor& actor);
  void start_promoter(Actor& actor);
  [[nodiscard]] Mirror::Options mirror_options();
  void judge(std::size_t actor);
  void judge_promotion(const Actor& actor);
  void judge_error(const Actor& actor, const Error& error, bool damaged);
  void notice_vagueness();
  void check_there();

  // The live phase. --------------------------------------------------------------------------------
  void come_to_a_good_end();
  void source_comes_to_a_good_end();
  void owner_comes_to_a_good_end(std::size_t last);
  void mirror_comes_to_a_good_end();
  void check_mirror_is_not_opened();
  void check_leftovers(bool there);
  void check_readers_reach_end(std::size_t first, std::size_t last);
  void check_losses_are_told(std::size_t last);

  RunOptions options_;
  Random random_;
  Faults faults_;
  Oracle oracle_;
  protocol::TestLog log_;
  std::optional<Destination> there_;
  std::vector<std::vector<std::byte>> old_checkpoints_;
  std::vector<Event> events_;  // a heap
  std::vector<Actor> actors_;
  std::uint64_t now_ = 1;
  std::uint64_t order_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t writers_born_ = 0;
  bool live_ = false;

  // Of a mirror.
  bool keeps_ = false;
  bool forgetful_ = false;    ///< its checkpoint may be lost
  bool promotes_ = false;     ///< before faults stop
  bool seals_source_ = true;  ///< a promotion does
  bool was_known_ = false;    ///< a checkpoint has said that it is a mirror,
  bool grew_vague_ = false;   ///< and then none did, or one of an earlier epoch
};

}  // namespace varve::sim
