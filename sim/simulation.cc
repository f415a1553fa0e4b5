#include "sim/simulation.h"

#include <fmt/format.h>

#include <algorithm>

namespace varve::sim {

using protocol::Reply;
using protocol::Request;
using Kind = Request::Kind;
using Purpose = Call::Purpose;

namespace {

// One seed in so many has a mirror.
constexpr std::uint64_t seeds_per_mirror = 2;
// It takes longer until something comes of it.
constexpr std::uint64_t steps_with_mirror = 5;

}  // namespace

Simulation::Simulation(RunOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      faults_(random_, options_.never),
      actors_(options_.seed % seeds_per_mirror == 0 ? with_mirror : writers + readers) {
  if (actors_.size() == with_mirror) prepare_mirror();
  for (std::size_t actor = 0; actor <= actors_.size(); ++actor) {
    push({.time = random_.below(50), .kind = Event::Kind::act, .actor = actor});
  }
}

RunReport Simulation::run() {
  const std::uint64_t unsafe_steps = options_.steps * (there_ ? steps_with_mirror : 1);
  while (steps_ < unsafe_steps && !events_.empty() && !violated()) {
    std::pop_heap(events_.begin(), events_.end());
    Event event = std::move(events_.back());
    events_.pop_back();
    step(std::move(event));
  }
  if (!violated()) come_to_a_good_end();
  const bool ends_early = there_ && there_->begun_late();
  return {.violation = ends_early ? std::nullopt : oracle_.violation(),
          .step = steps_,
          .objects = log_.objects.size(),
          .digest = oracle_.digest().low};
}

void Simulation::tick(Actor& actor) {
  actor.tick_at = 0;
  if (actor.writer) actor.writer->tick(now_, oracle(actor.there));
  if (actor.mirror) actor.mirror->tick(now_);
  if (actor.promoter) actor.promoter->tick(now_);
}

void Simulation::push(Event event) {
  event.order = order_++;
  events_.push_back(std::move(event));
  std::push_heap(events_.begin(), events_.end());
}

void Simulation::step(Event event) {
  now_ = std::max(now_, event.time);
  const bool for_actor = event.kind != Event::Kind::arrive && event.kind != Event::Kind::list_rest;
  if (for_actor && event.actor < actors_.size() && actors_[event.actor].asleep_until > now_) {
    event.time = actors_[event.actor].asleep_until + random_.below(5);
    return push(std::move(event));
  }
  ++steps_;
  if (options_.trace) note(event);
  const std::size_t actor = event.actor;
  switch (event.kind) {
    case Event::Kind::arrive:
      arrive(std::move(event));
      break;
    case Event::Kind::list_rest:
      list_rest(std::move(event));
      break;
    case Event::Kind::answer:
      answer(std::move(event));
      break;
    case Event::Kind::tick:
      if (event.life == actors_[actor].life) tick(actors_[actor]);
      break;
    case Event::Kind::act:
      if (live_) return;
      act(actor);
      push({.time = now_ + random_.between(1, 40), .kind = Event::Kind::act, .actor = actor});
      break;
  }
  if (actor < actors_.size()) collect(actor);
}

// What actors do of themselves. --------------------------------------------------------------------

void Simulation::end_life(Actor& actor) {
  actor.writer.reset();
  actor.reader.reset();
  actor.mirror.reset();
  actor.promoter.reset();
  ++actor.life;
  actor.asleep_until = 0;
  actor.tick_at = 0;
  actor.judged = false;
}

Client Simulation::client(std::size_t index) const {
  constexpr Client others = 1'000'000;  // beyond the writers' numbers
  const Actor& actor = actors_[index];
  if (actor.writer) return actor.writer->number();
  if (actor.promoter) return actor.promoter->retiring_number();
  return others + actor.life * actors_.size() + index;
}

void Simulation::act(std::size_t index) {
  if (index == actors_.size()) return disturb_checkpoint();
  Actor& actor = actors_[index];
  if (faults_.strikes(Fault::crash, random_)) return end_life(actor);
  if (faults_.strikes(Fault::sleep, random_)) {
    actor.asleep_until = now_ + random_.between(10, random_.below(4) == 0 ? 5000 : 300);
    return;
  }
  if (index < writers) return act_as_writer(index);
  if (index >= mirror_at) return act_about_mirror(index);
  act_as_reader(index);
}

void Simulation::open_writer(std::size_t index, const protocol::AppenderOptions& options,
                             const protocol::Pacing& pacing) {
  Actor& actor = actors_[index];
  end_life(actor);
  actor.writer.emplace(Writer::Options{.number = ++writers_born_,
                                       .window = static_cast<std::uint32_t>(random_.between(1, 4)),
                                       .appender = options,
                                       .pacing = pacing,
                                       .recorder = recorder(actor.there)});
  actor.writer->open(oracle(actor.there));
}

void Simulation::act_as_writer(std::size_t index) {
  Actor& actor = actors_[index];
  if (!actor.writer || actor.writer->over()) {
    if (random_.below(8) != 0) return;
    protocol::AppenderOptions options;
    options.give_up_ms = random_.below(2) == 0 ? 0 : static_cast<std::uint32_t>(random_.between(50, 1000));
    options.checkpoint_every_objects = static_cast<std::uint32_t>(random_.below(6));
    options.retry = {.first_ms = 5, .most_ms = 100};
    options.jitter_seed = random_.below(1000) + 1;
    options.uploads_max = static_cast<std::uint32_t>(options.jitter_seed % 4);
    const bool hurried = random_.below(2) == 0;
    return open_writer(index, options,
                       hurried ? protocol::Pacing(0, 1, 0)
                               : protocol::Pacing(static_cast<double>(random_.below(200)),
                                                  static_cast<double>(random_.between(1, 3)),
                                                  static_cast<std::uint32_t>(random_.below(30))));
  }
  use_writer(*actor.writer, oracle(actor.there));
}

void Simulation::use_writer(Writer& writer, Oracle& truth) {
  if (!writer.is_open()) return;
  // Half of those that wait do so for a bounded time.
  const auto deadline = [this](std::uint64_t most) {
    return random_.below(2) == 0 ? 0 : now_ + random_.between(1, most);
  };
  const Offset start = writer.appender().start_offset();
  const Offset durable = writer.appender().durable_offset();
  const std::uint64_t draw = random_.below(30);
  if (draw == 0 && writer.can_trim() && durable > start) {
    writer.trim(random_.between(start, durable), deadline(500), now_, truth);
  } else if (draw == 1) {
    writer.close(deadline(2'000), now_, truth);
  } else if (draw == 2) {
    writer.flush(now_, truth);
  } else {
    for (std::uint64_t i = random_.below(4); i > 0 && writer.can_append(); --i) {
      const auto records = static_cast<std::uint32_t>(random_.below(4));
      if (records == 0 || random_.below(3) == 0) {
        writer.append_full(records, now_, truth);
      } else {
        writer.append(records, now_, truth);
      }
    }
  }
}

void Simulation::act_as_reader(std::size_t index) {
  Actor& actor = actors_[index];
  if (actor.reader && actor.reader->waits()) return actor.reader->poll();
  if (actor.reader && !actor.reader->over()) return;
  if (random_.below(3) != 0) return;
  end_life(actor);
  std::optional<Offset> from;
  if (random_.below(2) == 0) from = random_.below(oracle(actor.there).end_offset() + 1);
  actor.reader.emplace(from, random_.below(2) == 0);
  if (const Recorder* trail = recorder(actor.there)) actor.reader->record(*trail, client(index));
  actor.reader->start(oracle(actor.there));
}

void Simulation::disturb_checkpoint() {
  if (!faults_.strikes(Fault::bad_checkpoint, random_)) return;
  const bool there = there_ && random_.below(2) == 0;
  std::optional<std::vector<std::byte>>& checkpoint = there ? there_->log.checkpoint : log_.checkpoint;
  const auto& old_checkpoints = there ? there_->old_checkpoints : old_checkpoints_;
  // What makes a mirror forget that it is one is not for every run.
  const std::uint64_t how = there && !forgetful_ ? 2 : random_.below(3);
  if (there && how != 2 && checkpoint && !there_->promoted()) grew_vague_ = true;
  switch (how) {
    case 0:
      checkpoint.reset();
      break;
    case 1:
      if (checkpoint && !checkpoint->empty()) {
        checkpoint->at(random_.below(checkpoint->size())) ^= std::byte{1} << random_.below(8);
      }
      break;
    default:
      if (!old_checkpoints.empty()) checkpoint = old_checkpoints[random_.below(old_checkpoints.size())];
  }
  if (const Recorder* trail = wire_recorder(there)) trail->checkpoint_becomes(checkpoint, there);
}

void Simulation::note(const Event& event) {
  static constexpr std::array kinds{"arrives", "lists on", "is answered", "ticks", "acts"};
  static constexpr std::array requests{"get checkpoint", "put checkpoint",  "list from",    "get header",
                                       "get object",     "put object",      "remove",       "get promotion",
                                       "put promotion",  "list promotions", "put claim",    "get revoked",
                                       "get claim",      "list claims",     "revoke claim", "remove claim"};
  static constexpr std::array purposes{"takeover", "put",  "look", "checkpoint", "scan", "locate",
                                       "sweep",    "drop", "read", "ask",        "trim"};
  std::string line = fmt::format("{:5} {:6} ms  actor {} life {} {}", steps_, now_, event.actor, event.life,
                                 kinds[static_cast<std::size_t>(event.kind)]);
  if (event.kind < Event::Kind::tick) {
    const Request& request = event.call.request;
    line += fmt::format(": {} ({}) {}", requests[static_cast<std::size_t>(request.kind)],
                        purposes[static_cast<std::size_t>(event.call.purpose)], request.seq);
    if (event.call.there) line += " there";
    if (request.kind == Kind::remove) line += fmt::format(" {}", fmt::join(request.seqs, ","));
  }
  if (event.kind == Event::Kind::answer) {
    const Reply& reply = event.reply;
    if (reply.error) line += fmt::format(" -> {}", to_string(reply.error->code()));
    for (const auto& each : reply.listed) line += fmt::format(" {}", each.seq);
    if (const auto header = format::decode_header(reply.bytes)) {
      line += fmt::format(" -> {} by {} epoch {} offset {} anchor {} live {}",
                          header->kind == format::Kind::seal ? "seal" : "data",
                          to_hex(header->writer_id).substr(0, 6), header->epoch, header->first_offset,
                          header->anchor, header->lowest_live);
    }
  }
  options_.trace(line);
}

}  // namespace varve::sim
