// Between the actors and the stores: requests and answers that are slow, lost, late, repeated, damaged.
#include "sim/simulation.h"

#include <algorithm>

namespace varve::sim {

using protocol::Reply;
using protocol::Request;
using Kind = Request::Kind;
using Purpose = Call::Purpose;

namespace {

Error hiccup(WriteOutcome outcome) {
  return Error(Code::unavailable, "a simulated fault").with_outcome(outcome);
}

}  // namespace

std::uint64_t Simulation::delay() {
  const std::uint64_t usual = random_.between(1, 20);
  return faults_.strikes(Fault::slow, random_) ? usual * random_.between(5, 100) : usual;
}

void Simulation::collect(std::size_t index) {
  Actor& actor = actors_[index];
  const auto send_all = [&](auto& machine) {
    if (!machine) return;
    for (Call& call : machine->take_calls()) send(index, std::move(call));
  };
  send_all(actor.reader);
  send_all(actor.writer);
  send_all(actor.mirror);
  send_all(actor.promoter);
  const auto want_tick = [&](const auto& machine) {
    if (!machine) return;
    const auto at = machine->next_tick_ms();
    if (!at || (actor.tick_at != 0 && *at >= actor.tick_at)) return;
    actor.tick_at = *at;
    push({.time = *at, .kind = Event::Kind::tick, .actor = index, .life = actor.life});
  };
  want_tick(actor.writer);
  want_tick(actor.mirror);
  want_tick(actor.promoter);
  if (index >= mirror_at) judge(index);
}

void Simulation::send(std::size_t actor, Call call) {
  call.there = call.there || actors_[actor].there;
  Event event{.time = now_ + delay(),
              .kind = Event::Kind::arrive,
              .actor = actor,
              .life = actors_[actor].life,
              .call = std::move(call)};
  if (const Recorder* trail = wire_recorder(event.call.there)) trail->sends(client(actor), event.call);
  switch (event.call.request.kind) {
    case Kind::put_checkpoint:
    case Kind::put_object:
    case Kind::put_promotion:
    case Kind::put_claim:
    case Kind::revoke_claim:
    case Kind::remove_claim:
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

Reply Simulation::apply(const Request& request, bool there) {
  protocol::TestLog& log = there ? there_->log : log_;
  const auto removing = [&](Seq seq, const std::vector<std::byte>& object) {
    there ? there_->removing(seq, object) : oracle_.removing(seq, object);
  };
  log.unremovable.clear();
  if (request.kind == Kind::remove) {
    for (const Seq seq : request.seqs) {
      if (faults_.strikes(Fault::kept, random_)) {
        log.unremovable.insert(seq);
      } else if (const auto object = log.objects.find(seq); object != log.objects.end()) {
        removing(seq, object->second);
        if (const Recorder* trail = wire_recorder(there)) trail->deletion_lands(seq, there);
      }
    }
  }
  Reply reply = log.answer(request);
  if (const Recorder* trail = wire_recorder(there)) note_effect(*trail, request, reply, there);
  if (request.kind == Kind::put_object && !reply.error) {
    if (there_ && !there) there_->original(request.seq, request.body);
    const bool was_promoted = there && there_->promoted();
    there ? there_->stored(request.seq, request.body) : oracle_.stored(request.seq, request.body);
    if (there && !was_promoted && there_->promoted() && options_.recorder) options_.recorder->is_promoted();
  }
  if (there && request.kind == Kind::put_checkpoint) there_->checkpointed(request.body);
  auto& old_checkpoints = there ? there_->old_checkpoints : old_checkpoints_;
  if (request.kind == Kind::put_checkpoint && old_checkpoints.size() < 8)
    old_checkpoints.push_back(request.body);
  return reply;
}

const Recorder* Simulation::wire_recorder(bool there) const {
  return there && there_->promoted() ? nullptr : options_.recorder;
}

void Simulation::note_effect(const Recorder& trail, const Request& request, const Reply& reply, bool there) {
  if (request.kind == Kind::put_object && !reply.error) trail.object_lands(request.body, there);
  if (request.kind == Kind::put_checkpoint) trail.checkpoint_lands(request.body, there);
  if (there || reply.error) return;
  if (request.kind == Kind::put_claim) trail.claim_lands(request.writer);
  if (request.kind == Kind::revoke_claim) trail.revocation_lands(request.writer);
  if (request.kind == Kind::remove_claim) trail.claim_goes(request.writer);
}

void Simulation::arrive(Event event) {
  Request& request = event.call.request;
  protocol::TestLog& log = event.call.there ? there_->log : log_;
  log.page = faults_.strikes(Fault::short_page, random_) ? static_cast<std::uint32_t>(random_.between(1, 5))
                                                         : protocol::page_limit;
  event.reply = apply(request, event.call.there);
  if (!event.answered) return;
  event.time = now_ + delay();
  event.kind = Event::Kind::answer;
  if (const auto fault = request.kind == Kind::list ? listing_fault() : std::nullopt) {
    event.kind = Event::Kind::list_rest;
    event.list_fault = *fault;
    event.moments_left = *fault == Fault::split_list ? 1 : random_.between(1, 4);
    event.moments.push_back(names_from(event));
  }
  if (const Recorder* trail = wire_recorder(event.call.there);
      trail && event.life == actors_[event.actor].life)
    trail->serves(client(event.actor), event.call, event.kind == Event::Kind::list_rest);
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

std::optional<Fault> Simulation::listing_fault() {
  std::optional<Fault> struck;
  for (const Fault fault :
       {Fault::split_list, Fault::back_first_list, Fault::sharded_list, Fault::scattered_list}) {
    if (faults_.strikes(fault, random_)) struck = fault;
  }
  return struck;
}

std::set<Seq> Simulation::names_from(const Event& event) const {
  const protocol::TestLog& log = event.call.there ? there_->log : log_;
  std::set<Seq> names;
  for (auto at = log.objects.lower_bound(event.call.request.seq); at != log.objects.end(); ++at) {
    names.insert(at->first);
  }
  return names;
}

// A listing that takes its time: each name is reported as of one of several moments.
void Simulation::list_rest(Event event) {
  event.moments.push_back(names_from(event));
  --event.moments_left;
  if (const Recorder* trail = wire_recorder(event.call.there);
      trail && event.life == actors_[event.actor].life)
    trail->serves(client(event.actor), event.call, event.moments_left > 0);
  if (event.moments_left == 0) {
    list_together(event);
    event.kind = Event::Kind::answer;
  }
  event.time = now_ + delay();
  push(std::move(event));
}

void Simulation::list_together(Event& event) {
  std::set<Seq> ever;
  for (const std::set<Seq>& moment : event.moments) ever.insert(moment.begin(), moment.end());
  const std::size_t moments = event.moments.size();
  const std::uint64_t split = random_.below(ever.size() + 1);
  const auto moment_of = [&](Seq seq, std::size_t rank) -> std::size_t {
    const std::size_t forward = rank < split ? 0 : moments - 1;
    switch (event.list_fault) {
      case Fault::back_first_list:
        return moments - 1 - forward;
      case Fault::sharded_list:
        return seq % moments;
      case Fault::scattered_list:
        return random_.below(moments);
      default:
        return forward;
    }
  };
  const std::uint32_t most = std::min(
      event.call.request.limit,
      static_cast<std::uint32_t>(random_.below(8) == 0 ? random_.between(1, 5) : protocol::page_limit));
  event.reply.listed.clear();
  event.reply.truncated = false;
  std::size_t rank = 0;
  for (const Seq seq : ever) {
    if (!event.moments[moment_of(seq, rank++)].contains(seq)) continue;
    event.reply.truncated = event.reply.listed.size() == most;
    if (event.reply.truncated) break;
    event.reply.listed.push_back({seq, 0});
  }
  event.moments.clear();
  if (event.list_fault == Fault::split_list) return;
  Actor& actor = actors_[event.actor];
  if (event.life != actor.life) return;
  if (actor.writer) actor.writer->note_slow_list();
  if (actor.reader) actor.reader->note_slow_list();
  // Of these, errors are excused: what they copy, sweep, seal and promote is not.
  if (actor.mirror) actor.mirror->note_damage();
  if (actor.promoter) actor.promoter->note_damage();
}

void Simulation::answer(Event event) {
  Actor& actor = actors_[event.actor];
  if (event.life != actor.life) return;
  const Purpose purpose = event.call.purpose;
  if (const Recorder* trail = wire_recorder(event.call.there))
    trail->hears(client(event.actor), event.call, event.reply, event.damaged);
  const bool by_courier = purpose == Purpose::takeover || purpose == Purpose::scan ||
                          purpose == Purpose::locate || purpose == Purpose::read || purpose == Purpose::ask;
  if (by_courier && !is_an_answer(event.reply)) {
    now_ += 1;
    return send(event.actor, std::move(event.call));
  }
  if (actor.reader) {
    if (event.damaged) actor.reader->note_damage();
    actor.reader->on(event.call, event.reply, now_, oracle(actor.there));
  }
  if (actor.writer) {
    if (event.damaged) actor.writer->note_damage();
    actor.writer->on(event.call, event.reply, now_, oracle(actor.there));
  }
  if (actor.mirror) {
    if (event.damaged) actor.mirror->note_damage();
    actor.mirror->on(event.call, event.reply, now_);
  }
  if (actor.promoter) {
    if (event.damaged) actor.promoter->note_damage();
    actor.promoter->on(event.call, event.reply, now_);
  }
}

}  // namespace varve::sim
