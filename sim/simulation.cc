#include "sim/simulation.h"

#include <fmt/format.h>

#include <algorithm>

namespace varve::sim {

using chain::Reply;
using chain::Request;
using Kind = Request::Kind;
using Purpose = Call::Purpose;

namespace {

constexpr std::size_t writers = 3;
constexpr std::size_t readers = 2;

Error hiccup(WriteOutcome outcome) {
  return Error(Code::unavailable, "a simulated fault").with_outcome(outcome);
}

}  // namespace

Simulation::Simulation(RunOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      faults_(random_, options_.never),
      actors_(writers + readers) {
  for (std::size_t actor = 0; actor <= actors_.size(); ++actor) {
    push({.time = random_.below(50), .kind = Event::Kind::act, .actor = actor});
  }
}

RunReport Simulation::run() {
  while (steps_ < options_.steps && !events_.empty() && !oracle_.violation()) {
    std::pop_heap(events_.begin(), events_.end());
    Event event = std::move(events_.back());
    events_.pop_back();
    step(std::move(event));
  }
  if (!oracle_.violation()) come_to_a_good_end();
  return {.violation = oracle_.violation(),
          .step = steps_,
          .objects = log_.objects.size(),
          .digest = oracle_.digest().low};
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
      if (event.life == actors_[actor].life && actors_[actor].writer) {
        actors_[actor].tick_at = 0;
        actors_[actor].writer->tick(now_, oracle_);
      }
      break;
    case Event::Kind::act:
      if (live_) return;
      act(actor);
      push({.time = now_ + random_.between(1, 40), .kind = Event::Kind::act, .actor = actor});
      break;
  }
  if (actor < actors_.size()) collect(actor);
}

// The network. -----------------------------------------------------------------------------------

std::uint64_t Simulation::delay() {
  const std::uint64_t usual = random_.between(1, 20);
  return faults_.strikes(Fault::slow, random_) ? usual * random_.between(5, 100) : usual;
}

void Simulation::collect(std::size_t index) {
  Actor& actor = actors_[index];
  if (actor.reader) {
    for (Call& call : actor.reader->take_calls()) send(index, std::move(call));
  }
  if (!actor.writer) return;
  for (Call& call : actor.writer->take_calls()) send(index, std::move(call));
  if (const auto at = actor.writer->next_tick_ms(); at && (actor.tick_at == 0 || *at < actor.tick_at)) {
    actor.tick_at = *at;
    push({.time = *at, .kind = Event::Kind::tick, .actor = index, .life = actor.life});
  }
}

void Simulation::send(std::size_t actor, Call call) {
  Event event{.time = now_ + delay(),
              .kind = Event::Kind::arrive,
              .actor = actor,
              .life = actors_[actor].life,
              .call = std::move(call)};
  switch (event.call.request.kind) {
    case Kind::put_checkpoint:
    case Kind::put_object:
    case Kind::remove:
      return send_write(std::move(event));
    default:
      return send_read(std::move(event));
  }
}

void Simulation::send_write(Event event) {
  const auto fail = [&](Event failed, WriteOutcome outcome) {
    failed.kind = Event::Kind::answer;
    failed.time += delay();
    failed.reply.kind = failed.call.request.kind;
    failed.reply.seq = failed.call.request.seq;
    failed.reply.error = hiccup(outcome);
    push(std::move(failed));
  };
  if (faults_.strikes(Fault::refused, random_)) return fail(std::move(event), WriteOutcome::not_written);
  if (faults_.strikes(Fault::lost, random_)) return fail(std::move(event), WriteOutcome::unknown);
  if (faults_.strikes(Fault::false_conflict, random_) && event.call.request.kind == Kind::put_object) {
    event.kind = Event::Kind::answer;
    event.reply.kind = Kind::put_object;
    event.reply.seq = event.call.request.seq;
    event.reply.error = Error(Code::already_exists, "not really");
    return push(std::move(event));
  }
  const bool late = faults_.strikes(Fault::late, random_);
  if (late || faults_.strikes(Fault::answer_lost, random_)) {
    fail(event, WriteOutcome::unknown);
    if (late) event.time += random_.between(50, 4000);
    event.answered = false;
    return push(std::move(event));
  }
  if (faults_.strikes(Fault::repeated, random_)) {
    Event again = event;
    again.time += random_.between(1, 4000);
    again.answered = false;
    push(std::move(again));
  }
  push(std::move(event));
}

void Simulation::send_read(Event event) {
  const bool refused = faults_.strikes(Fault::refused, random_);
  const bool lost = faults_.strikes(Fault::lost, random_);
  if (!refused && !lost) return push(std::move(event));
  event.kind = Event::Kind::answer;
  event.reply.kind = event.call.request.kind;
  event.reply.seq = event.call.request.seq;
  event.reply.error = hiccup(WriteOutcome::not_written);
  push(std::move(event));
}

Reply Simulation::apply(const Request& request) {
  log_.unremovable.clear();
  if (request.kind == Kind::remove) {
    for (const Seq seq : request.seqs) {
      if (faults_.strikes(Fault::kept, random_)) {
        log_.unremovable.insert(seq);
      } else if (const auto object = log_.objects.find(seq); object != log_.objects.end()) {
        oracle_.removing(seq, object->second);
      }
    }
  }
  Reply reply = log_.answer(request);
  if (request.kind == Kind::put_object && !reply.error) oracle_.stored(request.seq, request.body);
  if (request.kind == Kind::put_checkpoint && old_checkpoints_.size() < 8)
    old_checkpoints_.push_back(request.body);
  return reply;
}

void Simulation::arrive(Event event) {
  Request& request = event.call.request;
  log_.page = faults_.strikes(Fault::short_page, random_) ? static_cast<std::uint32_t>(random_.between(1, 5))
                                                          : chain::page_limit;
  event.reply = apply(request);
  if (!event.answered) return;
  event.time = now_ + delay();
  event.kind = Event::Kind::answer;
  if (request.kind == Kind::list && faults_.strikes(Fault::split_list, random_))
    event.kind = Event::Kind::list_rest;
  if (!event.reply.bytes.empty()) {
    const bool cut = faults_.strikes(Fault::short_read, random_);
    const bool flipped = faults_.strikes(Fault::bit_flip, random_);
    if (cut) event.reply.bytes.resize(random_.below(event.reply.bytes.size()));
    if (flipped && !event.reply.bytes.empty()) {
      event.reply.bytes[random_.below(event.reply.bytes.size())] ^= std::byte{1} << random_.below(8);
    }
    event.damaged = (cut || flipped) && request.kind != Kind::get_checkpoint;
  }
  push(std::move(event));
}

// A listing that took its time: the names up to some point are as they were, the rest as they are.
void Simulation::list_rest(Event event) {
  Reply& then = event.reply;
  Reply now = apply(event.call.request);
  if (!then.listed.empty()) {
    const Seq split = then.listed[random_.below(then.listed.size())].seq;
    std::erase_if(then.listed, [&](const auto& each) { return each.seq > split; });
    for (const auto& each : now.listed) {
      if (each.seq > split) then.listed.push_back(each);
    }
    then.truncated = now.truncated;
    const std::uint32_t limit = event.call.request.limit;
    if (then.listed.size() > limit) {
      then.listed.resize(limit);
      then.truncated = true;
    }
  } else {
    then = std::move(now);
  }
  event.kind = Event::Kind::answer;
  event.time = now_ + delay();
  push(std::move(event));
}

void Simulation::answer(Event event) {
  Actor& actor = actors_[event.actor];
  if (event.life != actor.life) return;
  const Purpose purpose = event.call.purpose;
  const bool by_courier = purpose == Purpose::takeover || purpose == Purpose::survey ||
                          purpose == Purpose::locate || purpose == Purpose::read;
  if (by_courier && !is_an_answer(event.reply)) {
    now_ += 1;
    return send(event.actor, std::move(event.call));
  }
  if (actor.reader) {
    if (event.damaged) actor.reader->note_damage();
    actor.reader->on(event.call, event.reply, oracle_);
  }
  if (actor.writer) {
    if (event.damaged) actor.writer->note_damage();
    actor.writer->on(event.call, event.reply, now_, oracle_);
  }
}

// What actors do of themselves. --------------------------------------------------------------------

void Simulation::end_life(Actor& actor) {
  actor.writer.reset();
  actor.reader.reset();
  ++actor.life;
  actor.asleep_until = 0;
  actor.tick_at = 0;
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
  act_as_reader(index);
}

void Simulation::open_writer(std::size_t index, const chain::AppenderOptions& options) {
  Actor& actor = actors_[index];
  end_life(actor);
  actor.writer.emplace(Writer::Options{.number = ++writers_born_,
                                       .window = static_cast<std::uint32_t>(random_.between(1, 4)),
                                       .appender = options});
  actor.writer->open(oracle_);
}

void Simulation::act_as_writer(std::size_t index) {
  Actor& actor = actors_[index];
  if (!actor.writer || actor.writer->over()) {
    if (random_.below(8) != 0) return;
    chain::AppenderOptions options;
    options.give_up_ms = random_.below(2) == 0 ? 0 : static_cast<std::uint32_t>(random_.between(50, 1000));
    options.checkpoint_every_objects = static_cast<std::uint32_t>(random_.below(6));
    options.retry = {.first_ms = 5, .most_ms = 100};
    options.jitter_seed = random_.below(1000) + 1;
    options.uploads_max = static_cast<std::uint32_t>(options.jitter_seed % 4);
    return open_writer(index, options);
  }
  Writer& writer = *actor.writer;
  const std::uint64_t draw = random_.below(20);
  if (draw == 0 && writer.can_trim() &&
      writer.appender().durable_offset() > writer.appender().start_offset()) {
    writer.trim(random_.between(writer.appender().start_offset(), writer.appender().durable_offset()),
                oracle_);
  } else if (draw == 1 && writer.can_append() && !writer.trimming() && writer.appender().in_flight() == 0) {
    writer.append(0, true, now_, oracle_);
  } else {
    for (std::uint64_t i = random_.below(4); i > 0 && writer.can_append(); --i) {
      writer.append(static_cast<std::uint32_t>(random_.below(4)), false, now_, oracle_);
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
  if (random_.below(2) == 0) from = random_.below(oracle_.end_offset() + 1);
  actor.reader.emplace(from);
  actor.reader->start(oracle_);
}

void Simulation::disturb_checkpoint() {
  if (!faults_.strikes(Fault::bad_checkpoint, random_)) return;
  switch (random_.below(3)) {
    case 0:
      log_.checkpoint.reset();
      break;
    case 1:
      if (log_.checkpoint && !log_.checkpoint->empty()) {
        log_.checkpoint->at(random_.below(log_.checkpoint->size())) ^= std::byte{1} << random_.below(8);
      }
      break;
    default:
      if (!old_checkpoints_.empty())
        log_.checkpoint = old_checkpoints_[random_.below(old_checkpoints_.size())];
  }
}

void Simulation::note(const Event& event) {
  static constexpr std::array kinds{"arrives", "lists on", "is answered", "ticks", "acts"};
  static constexpr std::array requests{"get checkpoint", "put checkpoint", "list from", "get header",
                                       "get object",     "put object",     "remove"};
  static constexpr std::array purposes{"takeover", "put",   "look", "checkpoint", "survey",
                                       "locate",   "sweep", "drop", "read"};
  std::string line = fmt::format("{:5} {:6} ms  actor {} life {} {}", steps_, now_, event.actor, event.life,
                                 kinds[static_cast<std::size_t>(event.kind)]);
  if (event.kind < Event::Kind::tick) {
    const Request& request = event.call.request;
    line += fmt::format(": {} ({}) {}", requests[static_cast<std::size_t>(request.kind)],
                        purposes[static_cast<std::size_t>(event.call.purpose)], request.seq);
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
