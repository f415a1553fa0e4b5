// varve_exhaust: the same machines as in the simulator, but every order in which a few writers' requests
// can reach the store, with a bounded number of faults, until no new state turns up.
//
// A state is what the store holds and what each writer has heard (its machines are functions of that).
// To keep it small: all reads that a writer waits for are answered at one moment, and there is no
// checkpoint.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <unordered_set>
#include <vector>

#include "chain/test_log.h"
#include "sim/oracle.h"
#include "sim/writer.h"

namespace {

using namespace varve;
using namespace varve::sim;
using chain::Reply;
using chain::Request;
using Kind = Request::Kind;

struct Size {
  std::uint32_t window = 2;
  std::uint32_t writers = 2;
  std::uint32_t appends = 1;  ///< objects of each writer
  std::uint32_t trims = 1;    ///< of each writer
  std::uint32_t faults = 1;   ///< PUTs lost, late, repeated, or with their answer lost
  std::uint64_t max_states = 20'000'000;
};

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 29U);
}

std::uint64_t hash_of(const std::vector<std::byte>& bytes) {
  std::uint64_t hash = bytes.size();
  for (const std::byte byte : bytes) hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3U;
  return hash;
}

/// How a state came to be, for the one that is wrong.
struct Step {
  std::shared_ptr<const Step> before;
  std::uint32_t actor;
  const char* what;
  Seq seq;
};

struct Actor {
  Writer writer;
  std::vector<Call> waiting;
  std::uint64_t heard = 0;  // everything it was told, in order
  std::uint32_t appends_left;
  std::uint32_t trims_left;
  bool born = false;
};

/// A value: copies go their own ways.
struct World {
  chain::TestLog log;
  std::uint64_t stored = 0;  // the objects, in any order
  Oracle oracle;
  std::vector<Actor> actors;
  std::vector<Request> may_land;  // PUTs whose sender has heard of a failure, or of success
  std::uint32_t faults_left;
  std::uint64_t now = 1;
  std::shared_ptr<const Step> last;

  [[nodiscard]] std::uint64_t digest() const {
    std::uint64_t hash = mix(stored, faults_left);
    for (const Actor& actor : actors) hash = mix(hash, actor.heard);
    std::uint64_t ghosts = 0;
    for (const Request& request : may_land) ghosts += mix(request.seq, hash_of(request.body));
    return mix(hash, ghosts);
  }

  void note(std::size_t actor, const char* what, Seq seq = 0) {
    last = std::make_shared<const Step>(Step{last, static_cast<std::uint32_t>(actor), what, seq});
  }

  static std::uint64_t object_hash(Seq seq, const std::vector<std::byte>& object) {
    return mix(seq + 1, hash_of(object));
  }

  Reply apply(const Request& request) {
    if (request.kind == Kind::remove) {
      for (const Seq seq : request.seqs) {
        const auto object = log.objects.find(seq);
        if (object == log.objects.end()) continue;
        oracle.removing(seq, object->second);
        stored -= object_hash(seq, object->second);
      }
    }
    Reply reply = log.answer(request);
    if (request.kind == Kind::put_object && !reply.error) {
      stored += object_hash(request.seq, request.body);
      oracle.stored(request.seq, request.body);
    }
    return reply;
  }

  void tell(std::size_t index, const Call& call, const Reply& reply) {
    Actor& actor = actors[index];
    std::uint64_t told = mix(static_cast<std::uint64_t>(reply.kind) + 1, reply.seq);
    told = mix(told, reply.error ? static_cast<std::uint64_t>(reply.error->code()) + 2 : 1);
    told = mix(told, hash_of(reply.bytes));
    for (const auto& each : reply.listed) told = mix(told, each.seq);
    actor.heard = mix(actor.heard, told);
    actor.writer.on(call, reply, now, oracle);
    // Whatever waits for a time has waited long enough.
    if (const auto due = actor.writer.next_tick_ms()) {
      now = std::max(now, *due);
      actor.writer.tick(now, oracle);
    }
    collect(index);
  }

  void collect(std::size_t index) {
    Actor& actor = actors[index];
    for (Call& call : actor.writer.take_calls()) actor.waiting.push_back(std::move(call));
    // There is no checkpoint: nothing to be seen there, at any time.
    for (std::size_t i = 0; i < actor.waiting.size(); ++i) {
      if (actor.waiting[i].request.kind != Kind::get_checkpoint) continue;
      const Call call = actor.waiting[i];
      actor.waiting.erase(actor.waiting.begin() + static_cast<std::ptrdiff_t>(i));
      return tell(index, call, log.answer(call.request));
    }
  }
};

bool is_put(const Call& call) { return call.request.kind == Kind::put_object; }

class Exhaust {
 public:
  explicit Exhaust(Size size) : size_(size) {
    World world;
    world.faults_left = size.faults;
    for (std::uint32_t i = 0; i < size.writers; ++i) {
      chain::AppenderOptions options;
      options.give_up_ms = 0;
      options.checkpoint_every_objects = 0;
      options.retry = {.first_ms = 1, .most_ms = 1};
      world.actors.push_back({.writer = Writer({.number = i + 1, .window = size.window, .appender = options}),
                              .waiting = {},
                              .appends_left = size.appends,
                              .trims_left = size.trims});
    }
    reach(std::move(world));
  }

  int run() {
    while (!open_.empty() && !wrong_ && states_.size() < size_.max_states) {
      const World world = std::move(open_.back());
      open_.pop_back();
      for (std::size_t i = 0; i < world.actors.size(); ++i) expand(world, i);
      for (std::size_t i = 0; i < world.may_land.size(); ++i) {
        World next = world;
        next.note(99, "a late PUT lands", next.may_land[i].seq);
        const Request request = std::move(next.may_land[i]);
        next.may_land.erase(next.may_land.begin() + static_cast<std::ptrdiff_t>(i));
        next.apply(request);
        reach(std::move(next));
      }
    }
    const bool closed = open_.empty() && !wrong_;
    fmt::print("W {}, {} writers, {} objects and {} trims each, {} faults: {} states, {} transitions, {}\n",
               size_.window, size_.writers, size_.appends, size_.trims, size_.faults, states_.size(),
               transitions_,
               closed   ? "closed"
               : wrong_ ? "WRONG"
                        : "not closed");
    if (wrong_) fmt::print("{}\nafter {} states\n", *wrong_, states_.size());
    return closed ? 0 : 1;
  }

 private:
  void reach(World world) {
    ++transitions_;
    if (!world.oracle.violation() && stores_.insert(world.stored).second) check_seen_from_outside(world);
    if (world.oracle.violation()) return fail(world);
    if (states_.insert(world.digest()).second) open_.push_back(std::move(world));
  }

  // Whoever looks at this store, with nobody at work, must see the log as it is.
  static void check_seen_from_outside(World& world) {
    const Result<chain::TailView> view = chain::run(world.log, chain::Survey({.want_history = true}));
    if (!view) return world.oracle.violated("a survey of a store at rest says: " + view.error().message());
    world.oracle.surveyed(world.oracle.now(), *view);
  }

  void fail(const World& world) {
    if (wrong_) return;
    std::vector<const Step*> path;
    for (const Step* step = world.last.get(); step != nullptr; step = step->before.get())
      path.push_back(step);
    std::string text;
    for (auto step = path.rbegin(); step != path.rend(); ++step) {
      text += fmt::format("  writer {}: {} {}\n", (*step)->actor, (*step)->what, (*step)->seq);
    }
    wrong_ = text + *world.oracle.violation();
  }

  void expand(const World& world, std::size_t index) {
    const Actor& actor = world.actors[index];
    if (!actor.born) {
      World next = world;
      next.note(index, "opens");
      next.actors[index].born = true;
      next.actors[index].heard = mix(7, index);
      next.actors[index].writer.open(next.oracle);
      next.collect(index);
      return reach(std::move(next));
    }
    answer_reads(world, index);
    for (std::size_t i = 0; i < actor.waiting.size(); ++i) {
      if (is_put(actor.waiting[i])) answer_put(world, index, i);
    }
    if (actor.appends_left > 0 && actor.writer.can_append()) {
      World next = world;
      Actor& doer = next.actors[index];
      next.note(index, "appends");
      --doer.appends_left;
      doer.heard = mix(doer.heard, 11);
      doer.writer.append(1, false, next.now, next.oracle);
      next.collect(index);
      reach(std::move(next));
    }
    if (actor.trims_left > 0 && actor.writer.is_open() && actor.writer.can_trim() &&
        actor.writer.appender().durable_offset() > actor.writer.appender().start_offset()) {
      World next = world;
      Actor& doer = next.actors[index];
      next.note(index, "trims");
      --doer.trims_left;
      doer.heard = mix(doer.heard, 13);
      doer.writer.trim(doer.writer.appender().durable_offset(), next.oracle);
      next.collect(index);
      reach(std::move(next));
    }
  }

  void answer_reads(const World& world, std::size_t index) {
    const auto& waiting = world.actors[index].waiting;
    if (std::ranges::all_of(waiting, is_put)) return;
    World next = world;
    std::vector<Call> reads;
    std::erase_if(next.actors[index].waiting, [&](const Call& call) {
      if (is_put(call)) return false;
      reads.push_back(call);
      return true;
    });
    std::vector<Reply> replies;
    for (const Call& call : reads) replies.push_back(next.apply(call.request));
    next.note(index, "is answered, reads", reads.front().request.seq);
    for (std::size_t i = 0; i < reads.size(); ++i) next.tell(index, reads[i], replies[i]);
    reach(std::move(next));
  }

  void answer_put(const World& world, std::size_t index, std::size_t which) {
    enum class Way { well, answer_lost, lost, repeated };
    for (const Way way : {Way::well, Way::answer_lost, Way::lost, Way::repeated}) {
      if (way != Way::well && world.faults_left == 0) break;
      World next = world;
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
        if (call.purpose == Call::Purpose::takeover) {
          next.actors[index].waiting.push_back(call);  // its courier tries again
          next.actors[index].heard = mix(next.actors[index].heard, 17);
        } else {
          Reply reply;
          reply.kind = call.request.kind;
          reply.seq = call.request.seq;
          reply.error = Error(Code::unavailable, "lost").with_outcome(WriteOutcome::unknown);
          next.tell(index, call, reply);
        }
      }
      reach(std::move(next));
    }
  }

  Size size_;
  std::vector<World> open_;
  std::unordered_set<std::uint64_t> states_;
  std::unordered_set<std::uint64_t> stores_;
  std::uint64_t transitions_ = 0;
  std::optional<std::string> wrong_;
};

}  // namespace

int main(int argc, char** argv) {
  Size size;
  CLI::App app("Tries every order of a few writers' requests; exits with 1 if one of them breaks a promise.");
  app.add_option("--window", size.window, "W");
  app.add_option("--writers", size.writers, "how many");
  app.add_option("--appends", size.appends, "objects of each writer");
  app.add_option("--trims", size.trims, "of each writer");
  app.add_option("--faults", size.faults, "PUTs that are lost, late, repeated, or not answered");
  app.add_option("--max-states", size.max_states, "give up beyond");
  CLI11_PARSE(app, argc, argv);
  const auto began = std::chrono::steady_clock::now();
  const int status = Exhaust(size).run();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("{:.1f} s\n", took.count());
  return status;
}
