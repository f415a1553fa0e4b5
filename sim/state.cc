#include "sim/state.h"

#include <fmt/format.h>

#include <algorithm>

namespace varve::sim {

using protocol::Reply;
using protocol::Request;
using Kind = Request::Kind;

namespace {

Fingerprint fingerprint_of(const Request& request) {
  Fingerprint print;
  print.add(static_cast<std::uint64_t>(request.kind) + 1).add(request.seq).add(request.limit);
  print.add(request.body).add(request.seqs.size());
  for (const Seq seq : request.seqs) print.add(seq);
  print.add(std::as_bytes(std::span(request.writer.bytes)));
  return print;
}

Fingerprint fingerprint_of(const Reply& reply) {
  Fingerprint print;
  print.add(static_cast<std::uint64_t>(reply.kind) + 1).add(reply.seq);
  print.add(reply.error ? static_cast<std::uint64_t>(reply.error->code()) + 2 : 1);
  print.add(reply.bytes).add(reply.listed.size());
  for (const auto& each : reply.listed) print.add(each.seq);
  print.add(reply.claims.size());
  for (const auto& each : reply.claims) print.add(std::as_bytes(std::span(each.bytes)));
  return print;
}

Fingerprint fingerprint_of(Seq seq, std::span<const std::byte> object) {
  return Fingerprint().add(seq + 1).add(object);
}

constexpr std::uint64_t nothing_to_come = 1;
constexpr std::uint64_t rests = 2;

}  // namespace

Fingerprint Actor::fingerprint() const {
  // Those of the dead still take effect. In any order, for any of them may be next.
  Fingerprint calls;
  for (const Call& call : waiting) {
    calls += fingerprint_of(call.request).add(static_cast<std::uint64_t>(call.purpose)).add(call.round);
  }
  const bool idle = writer && writer->at_rest() && waiting.empty() && appends_left == 0 && trims_left == 0;
  if (born && (over() || idle)) return calls.add(nothing_to_come);
  Fingerprint print;
  print.add(heard).add(calls).add(appends_left).add(trims_left).add(born ? 1 : 0);
  if (listing) {
    print.add(listing->always.size() + 1);
    for (const Seq seq : listing->always) print.add(seq);
    print.add(listing->at_times.size());
    for (const Seq seq : listing->at_times) print.add(seq);
  }
  // What the oracle will hold the survey under way to.
  if (const auto begun = writer ? writer->survey_begun() : reader->survey_begun()) {
    print.add(begun->tail).add(begun->start_offset);
  }
  return print;
}

void Actor::on(const Call& call, const Reply& reply, std::uint64_t now, Oracle& oracle) {
  heard.add(fingerprint_of(reply)).add(static_cast<std::uint64_t>(call.purpose));
  if (writer) writer->on(call, reply, now, oracle);
  if (reader) reader->on(call, reply, now, oracle);
}

void Actor::collect() {
  for (Call& call : writer ? writer->take_calls() : reader->take_calls()) waiting.push_back(std::move(call));
  if (!over()) return;
  std::erase_if(waiting, [](const Call& call) {
    return call.request.kind != Kind::put_object && call.request.kind != Kind::remove;
  });
}

void Actor::forget() {
  if (writer && writer->at_rest()) {
    heard = Fingerprint().add(rests).add(hash_of(writer->newest()));
  } else if (reader && reader->at_rest()) {
    const protocol::ReaderWalk& walk = reader->walk();
    const protocol::Position& at = walk.place();
    heard = Fingerprint().add(rests).add(at.seq).add(at.epoch).add(at.offset).add(at.previous_hash);
    heard.add(at.linked ? 1 : 0).add(at.owned ? 1 : 0).add(walk.offset()).add(walk.doubts());
    heard.add(walk.mark().seq).add(walk.mark().hash).add(walk.before() ? *walk.before() + 1 : 0);
    heard.add(walk.relocated_at());
    heard.add(reader->waits() ? 1 : 0);
  }
}

State::State(const WorldSize& size) : faults_left(size.faults), slow_lists_left(size.slow_lists) {
  for (std::uint32_t i = 0; i < size.writers + size.rivals; ++i) {
    protocol::AppenderOptions options;
    options.give_up_ms = 0;
    options.checkpoint_every_objects = 0;
    options.retry = {.first_ms = 1, .most_ms = 1};
    Actor& actor = actors.emplace_back();
    actor.writer.emplace(Writer::Options{.number = i + 1, .window = size.window, .appender = options});
    const bool rival = i >= size.writers;
    actor.appends_left = rival ? 1 : size.appends;
    actor.trims_left = rival ? 0 : size.trims;
  }
  for (std::uint32_t i = 0; i < size.readers; ++i) actors.emplace_back().reader.emplace(std::nullopt);
}

Fingerprint State::fingerprint() const {
  Fingerprint ghosts;
  for (const Request& request : may_land) ghosts += fingerprint_of(request);
  Fingerprint all = stored;
  all.add(faults_left).add(slow_lists_left).add(ghosts).add(oracle.digest());
  for (const auto* ids : {&log.claims, &log.revoked}) {
    Fingerprint set;
    for (const format::Id& id : *ids) set += Fingerprint().add(std::as_bytes(std::span(id.bytes)));
    all.add(set);
  }
  for (const Actor& actor : actors) all.add(actor.fingerprint());
  return all;
}

Reply State::apply(const Request& request) {
  if (request.kind == Kind::remove) {
    for (const Seq seq : request.seqs) {
      const auto object = log.objects.find(seq);
      if (object == log.objects.end()) continue;
      oracle.removing(seq, object->second);
      stored -= fingerprint_of(seq, object->second);
      for (Actor& actor : actors) {
        if (actor.listing && actor.listing->always.erase(seq) != 0) actor.listing->at_times.insert(seq);
      }
    }
  }
  Reply reply = log.answer(request);
  if (request.kind == Kind::put_object && !reply.error) {
    stored += fingerprint_of(request.seq, request.body);
    oracle.stored(request.seq, request.body);
    for (Actor& actor : actors) {
      const Request* listing = only_listing(static_cast<std::size_t>(&actor - actors.data()));
      if (actor.listing && listing != nullptr && request.seq >= listing->seq) {
        actor.listing->at_times.insert(request.seq);
      }
    }
  }
  return reply;
}

void State::tell(std::size_t index, const Call& call, const Reply& reply) {
  Actor& actor = actors[index];
  actor.on(call, reply, now, oracle);
  // Whatever waits for a time has waited long enough.
  if (actor.writer) {
    if (const auto due = actor.writer->next_tick_ms()) {
      now = std::max(now, *due);
      actor.writer->tick(now, oracle);
    }
  }
  collect(index);
}

void State::collect(std::size_t index) {
  Actor& actor = actors[index];
  actor.collect();
  actor.forget();
  // At once: a claim that stands for a while longer is revoked by one more sweep, for nobody.
  std::erase_if(actor.waiting, [&](const Call& call) {
    if (protocol::is_waited_for(call.request.kind)) return false;
    static_cast<void>(log.answer(call.request));
    return true;
  });
  const auto checkpoint = std::ranges::find_if(
      actor.waiting, [](const Call& call) { return call.request.kind == Kind::get_checkpoint; });
  if (checkpoint == actor.waiting.end()) return;
  const Call call = *checkpoint;
  actor.waiting.erase(checkpoint);
  tell(index, call, log.answer(call.request));
}

void State::answer_reads(std::size_t index) {
  std::vector<Call> reads;
  std::erase_if(actors[index].waiting, [&](const Call& call) {
    if (is_put(call)) return false;
    reads.push_back(call);
    return true;
  });
  if (reads.empty()) return;
  note(index, "is answered, reads", reads.front().request.seq);
  std::vector<Reply> replies;
  for (const Call& call : reads) replies.push_back(apply(call.request));
  for (std::size_t i = 0; i < reads.size(); ++i) tell(index, reads[i], replies[i]);
}

const Request* State::only_listing(std::size_t index) const {
  const Request* listing = nullptr;
  for (const Call& call : actors[index].waiting) {
    if (is_put(call)) continue;
    if (listing != nullptr || call.request.kind != Kind::list) return nullptr;
    listing = &call.request;
  }
  return listing;
}

void State::begin_slow_list(std::size_t index) {
  --slow_lists_left;
  const Seq from = only_listing(index)->seq;
  SlowList& listing = actors[index].listing.emplace();
  for (auto at = log.objects.lower_bound(from); at != log.objects.end(); ++at)
    listing.always.insert(at->first);
  note(index, "begins to list from", from);
}

void State::end_slow_list(std::size_t index, const std::set<Seq>& seen) {
  Actor& actor = actors[index];
  const auto call =
      std::ranges::find_if(actor.waiting, [](const Call& each) { return each.request.kind == Kind::list; });
  const Call asked = *call;
  actor.waiting.erase(call);
  std::set<Seq> listed = actor.listing->always;
  listed.insert(seen.begin(), seen.end());
  actor.listing.reset();
  Reply reply;
  reply.kind = Kind::list;
  reply.seq = asked.request.seq;
  for (const Seq seq : listed) {
    if (reply.listed.size() == asked.request.limit) {
      reply.truncated = true;
      break;
    }
    reply.listed.push_back({seq, 0});
    note(index, "has listed", seq);
  }
  note(index, "is answered, list from", asked.request.seq);
  if (actor.writer) actor.writer->note_slow_list();
  if (actor.reader) actor.reader->note_slow_list();
  tell(index, asked, reply);
}

void State::note(std::size_t actor, const char* what, Seq seq) {
  last_ = std::make_shared<const Step>(Step{last_, actor, what, seq});
}

std::string State::history() const {
  std::vector<const Step*> path;
  for (const Step* step = last_.get(); step != nullptr; step = step->before.get()) path.push_back(step);
  std::string text;
  for (auto step = path.rbegin(); step != path.rend(); ++step) {
    const bool by_actor = (*step)->actor < actors.size();
    const char* const who = !by_actor ? "nobody" : actors[(*step)->actor].writer ? "writer" : "reader";
    text += fmt::format("  {} {}: {} {}\n", who, (*step)->actor, (*step)->what, (*step)->seq);
  }
  return text;
}

}  // namespace varve::sim
