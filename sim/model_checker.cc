// varve_model_check: the same machines as in the simulator, but every order in which a few writers' and
// readers' requests can reach the store, with a bounded number of faults, until no new state turns up.
//
// What keeps it small, and loses nothing:
//   - Worlds that nothing can tell apart from here on are one state: see state.h.
//   - Writers are alike until they open, so the first of those that have not opens next.
//   - What an actor does by itself and nobody sees (it opens, it asks again at the tail) comes together
//     with the answer to what it asks: its question may wait, so that it does not matter when it came.
// What it leaves out: all reads that an actor waits for are answered at one moment; no checkpoint.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <vector>

#include "sim/state.h"

namespace {

using namespace varve;
using namespace varve::sim;
using protocol::Reply;
using protocol::Request;

constexpr std::size_t nobody = SIZE_MAX;

class Exhaust {
 public:
  Exhaust(const WorldSize& size, std::uint64_t max_states) : size_(size), max_states_(max_states) {
    reach(State(size));
  }

  int run() {
    while (!open_.empty() && !wrong_ && states_.size() < max_states_) {
      const State world = std::move(open_.back());
      open_.pop_back();
      for (std::size_t i = 0; i < world.actors.size(); ++i) expand(world, i);
      for (std::size_t i = 0; i < world.may_land.size(); ++i) land_late(world, i);
    }
    const bool closed = open_.empty() && !wrong_;
    fmt::print(
        "W {}, {} writers, {} rivals, {} readers, {} objects and {} trims each, {} faults, {} slow "
        "listings: ",
        size_.window, size_.writers, size_.rivals, size_.readers, size_.appends, size_.trims, size_.faults,
        size_.slow_lists);
    fmt::print("{} states, {} transitions, {}\n", states_.size(), transitions_,
               closed   ? "closed"
               : wrong_ ? "WRONG"
                        : "not closed");
    if (wrong_) fmt::print("{}\nafter {} states\n", *wrong_, states_.size());
    return closed ? 0 : 1;
  }

 private:
  void reach(State world) {
    ++transitions_;
    if (!world.oracle.violation() && is_new_store(world)) check_seen_from_outside(world);
    if (world.oracle.violation()) return fail(world);
    if (states_.insert(world.fingerprint())) open_.push_back(std::move(world));
  }

  bool is_new_store(const State& world) {
    Fingerprint store = world.stored;
    return stores_.insert(store.add(world.oracle.digest()));
  }

  // Whoever looks at this store, with nobody at work, must see the log as it is.
  static void check_seen_from_outside(State& world) {
    const Result<protocol::LogState> view =
        protocol::run(world.log, protocol::RecoveryScan({.want_history = true}));
    if (!view) return world.oracle.violated("a survey of a store at rest says: " + view.error().message());
    world.oracle.surveyed(world.oracle.now(), *view);
  }

  void fail(const State& world) {
    if (!wrong_) wrong_ = world.history() + *world.oracle.violation();
  }

  void expand(const State& world, std::size_t index) {
    const Actor& actor = world.actors[index];
    if (!actor.born) {
      const bool next_of_its_kind = index == 0 || world.actors[index - 1].born || actor.reader;
      if (next_of_its_kind) open(world, index);
      return;
    }
    if (actor.listing) {
      end_slow_list(world, index);
    } else if (!std::ranges::all_of(actor.waiting, is_put)) {
      State next = world;
      next.answer_reads(index);
      reach(std::move(next));
      if (world.slow_lists_left > 0 && world.only_listing(index) != nullptr) {
        State lists = world;
        lists.begin_slow_list(index);
        reach(std::move(lists));
      }
    }
    for (std::size_t i = 0; i < actor.waiting.size(); ++i) {
      if (is_put(actor.waiting[i])) answer_put(world, index, i);
    }
    if (actor.writer) act_as_writer(world, index);
    if (actor.reader && actor.reader->waits()) {
      State next = world;
      next.actors[index].reader->poll();
      next.collect(index);
      next.answer_reads(index);
      reach(std::move(next));
    }
  }

  void open(const State& world, std::size_t index) {
    State next = world;
    Actor& actor = next.actors[index];
    next.note(index, "opens");
    actor.born = true;
    if (actor.writer) actor.writer->open(next.oracle);
    if (actor.reader) actor.reader->start(next.oracle);
    next.collect(index);
    next.answer_reads(index);
    reach(std::move(next));
  }

  void act_as_writer(const State& world, std::size_t index) {
    const Actor& actor = world.actors[index];
    const Writer& writer = *actor.writer;
    if (actor.appends_left > 0 && writer.can_append()) {
      State next = world;
      Actor& doer = next.actors[index];
      next.note(index, "appends");
      --doer.appends_left;
      doer.heard.add(11);
      doer.writer->append(1, next.now, next.oracle);
      next.collect(index);
      reach(std::move(next));
    }
    if (actor.trims_left > 0 && writer.is_open() && writer.can_trim() &&
        writer.appender().durable_offset() > writer.appender().start_offset()) {
      State next = world;
      Actor& doer = next.actors[index];
      next.note(index, "trims");
      --doer.trims_left;
      doer.heard.add(13);
      doer.writer->trim(writer.appender().durable_offset(), 0, next.now, next.oracle);
      next.collect(index);
      reach(std::move(next));
    }
  }

  // With every choice of what was there at times.
  void end_slow_list(const State& world, std::size_t index) {
    const std::set<Seq>& at_times = world.actors[index].listing->at_times;
    const std::vector<Seq> names(at_times.begin(), at_times.end());
    for (std::uint64_t choice = 0; choice < (std::uint64_t{1} << names.size()); ++choice) {
      std::set<Seq> seen;
      for (std::size_t i = 0; i < names.size(); ++i) {
        if ((choice >> i & 1) != 0) seen.insert(names[i]);
      }
      State next = world;
      next.end_slow_list(index, seen);
      reach(std::move(next));
    }
  }

  void land_late(const State& world, std::size_t which) {
    State next = world;
    next.note(nobody, "a late PUT lands", next.may_land[which].seq);
    const Request request = std::move(next.may_land[which]);
    next.may_land.erase(next.may_land.begin() + static_cast<std::ptrdiff_t>(which));
    next.apply(request);
    reach(std::move(next));
  }

  void answer_put(const State& world, std::size_t index, std::size_t which) {
    enum class Way { well, answer_lost, lost, repeated };
    for (const Way way : {Way::well, Way::answer_lost, Way::lost, Way::repeated}) {
      if (way != Way::well && world.faults_left == 0) break;
      State next = world;
      Actor& actor = next.actors[index];
      const Call call = std::move(actor.waiting[which]);
      actor.waiting.erase(actor.waiting.begin() + static_cast<std::ptrdiff_t>(which));
      if (way != Way::well) --next.faults_left;
      static constexpr const char* names[] = {"PUT", "PUT, answer lost,", "PUT lost",
                                              "PUT, and once more later,"};
      next.note(index, names[static_cast<int>(way)], call.request.seq);
      if (way == Way::lost || way == Way::repeated) next.may_land.push_back(call.request);
      if (way == Way::well || way == Way::repeated) {
        next.tell(index, call, next.apply(call.request));
      } else {
        if (way == Way::answer_lost) next.apply(call.request);
        lose_answer(next, index, call);
      }
      reach(std::move(next));
    }
  }

  static void lose_answer(State& world, std::size_t index, const Call& call) {
    if (call.purpose == Call::Purpose::takeover) {
      world.actors[index].waiting.push_back(call);  // its courier tries again
      return;
    }
    Reply reply;
    reply.kind = call.request.kind;
    reply.seq = call.request.seq;
    reply.error = Error(Code::unavailable, "lost").with_outcome(WriteOutcome::unknown);
    world.tell(index, call, reply);
  }

  WorldSize size_;
  std::uint64_t max_states_;
  std::vector<State> open_;
  FingerprintSet states_;
  FingerprintSet stores_;
  std::uint64_t transitions_ = 0;
  std::optional<std::string> wrong_;
};

}  // namespace

int main(int argc, char** argv) {
  WorldSize size;
  std::uint64_t max_states = 20'000'000;
  CLI::App app("Tries every order of a few writers' requests; exits with 1 if one of them breaks a promise.");
  app.add_option("--window", size.window, "W");
  app.add_option("--writers", size.writers, "how many");
  app.add_option("--rivals", size.rivals, "writers beside them that append one object and never trim");
  app.add_option("--readers", size.readers, "how many");
  app.add_option("--appends", size.appends, "objects of each writer");
  app.add_option("--trims", size.trims, "of each writer");
  app.add_option("--faults", size.faults, "PUTs that are lost, late, repeated, or not answered");
  app.add_option("--slow-lists", size.slow_lists, "listings that report each name as of a moment of its own");
  app.add_option("--max-states", max_states, "give up beyond");
  CLI11_PARSE(app, argc, argv);
  const auto began = std::chrono::steady_clock::now();
  const int status = Exhaust(size, max_states).run();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("{:.1f} s\n", took.count());
  return status;
}
