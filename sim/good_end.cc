// The second half of a run: no more faults. Whatever happened, a new writer must come to own the log
// within a bounded number of steps, everybody must come to an end, and all must be found in order.
#include <fmt/format.h>

#include "sim/simulation.h"

namespace varve::sim {

namespace {
// What an opening, a handful of appends, a trim or the reading of one run's log takes, amply.
constexpr std::uint64_t ample_steps = 20'000;
}  // namespace

bool Simulation::drain_until(std::uint64_t most, const std::function<bool()>& done) {
  for (; most > 0 && !oracle_.violation(); --most) {
    if (done()) return true;
    if (events_.empty()) return false;
    std::pop_heap(events_.begin(), events_.end());
    Event event = std::move(events_.back());
    events_.pop_back();
    step(std::move(event));
  }
  return done();
}

bool Simulation::drain(std::uint64_t most) {
  return drain_until(most, [this] { return events_.empty(); });
}

void Simulation::come_to_a_good_end() {
  faults_.calm();
  live_ = true;
  for (Actor& actor : actors_) actor.asleep_until = 0;
  if (!drain(ample_steps)) return oracle_.violated("the run does not come to rest when faults stop");

  chain::AppenderOptions options;
  options.retry = {.first_ms = 5, .most_ms = 100};
  const std::size_t last = random_.below(3);
  open_writer(last, options);
  collect(last);
  Writer& writer = *actors_[last].writer;
  if (!drain_until(ample_steps, [&] { return writer.is_open() || writer.over(); }) || !writer.is_open()) {
    return oracle_.violated("without faults, a new writer does not come to own the log");
  }
  for (std::uint32_t i = 0; i < 2 * writer.appender().window() + 3; ++i) {
    if (!drain_until(ample_steps, [&] { return writer.can_append() || writer.over(); }) || writer.over()) {
      return oracle_.violated("without faults, the owner of the log cannot append");
    }
    writer.append(1 + i % 2, false, now_, oracle_);
    collect(last);
  }
  if (!drain(ample_steps) || !writer.can_trim()) return oracle_.violated("the owner does not come to rest");
  writer.trim(random_.between(writer.appender().start_offset(), writer.appender().durable_offset()), oracle_);
  collect(last);
  if (!drain(ample_steps) || writer.trimming()) return oracle_.violated("a trim does not end");
  check_leftovers();
  writer.append(0, true, now_, oracle_);
  collect(last);
  if (!drain(ample_steps) || !writer.over() || writer.appender().ending()) {
    return oracle_.violated("the owner of the log cannot close it");
  }
  if (writer.appender().durable_offset() != oracle_.end_offset())
    oracle_.violated("the owner has another end offset");
  oracle_.finish();
  check_reader_reaches_end();
  check_losses_are_told();
}

// Everything that should be there is; below the trim point, only seals that may still be needed.
void Simulation::check_leftovers() {
  for (const auto& [seq, header] : oracle_.chain()) {
    const bool kept =
        header.kind == format::Kind::seal ? !oracle_.seal_may_go(seq) : seq >= oracle_.lowest_live();
    if (kept && !log_.objects.contains(seq)) return oracle_.violated(fmt::format("object {} is gone", seq));
  }
  for (const auto& [seq, object] : log_.objects) {
    if (seq >= oracle_.lowest_live()) break;
    const auto at = oracle_.chain().find(seq);
    const bool stays =
        at != oracle_.chain().end() && at->second.kind == format::Kind::seal && !oracle_.seal_may_go(seq);
    if (!stays)
      return oracle_.violated(
          fmt::format("object {} is left, though all below {} was swept", seq, oracle_.lowest_live()));
  }
}

void Simulation::check_reader_reaches_end() {
  const std::size_t last = actors_.size() - 1;
  for (std::size_t i = 0; i < actors_.size(); ++i) {
    Actor& actor = actors_[i];
    if (i == last) {
      end_life(actor);
      actor.reader.emplace(std::nullopt);
      actor.reader->start(oracle_);
    } else if (!actor.reader || actor.reader->over()) {
      continue;
    } else if (actor.reader->waits()) {
      actor.reader->poll();
    }
    collect(i);
    if (!drain(ample_steps)) return oracle_.violated("a reader does not come to rest");
    if (actor.reader->over() || actor.reader->offset() != oracle_.end_offset()) {
      if (i != last && actor.reader->over()) continue;  // it may have been damaged earlier
      return oracle_.violated("without faults, a reader does not reach the end of the log");
    }
  }
}

// Takes one object away that another knows of: nobody may take the place for the log's end.
void Simulation::check_losses_are_told() {
  std::vector<Seq> known;
  const Seq newest_anchor = oracle_.chain().rbegin()->second.anchor;
  for (const auto& [seq, header] : oracle_.chain()) {
    if (header.kind == format::Kind::data && seq >= oracle_.lowest_live() && seq <= newest_anchor)
      known.push_back(seq);
  }
  if (known.empty()) return;
  const Seq gone = known[random_.below(known.size())];
  log_.objects.erase(gone);

  const std::size_t last = actors_.size() - 1;
  Actor& actor = actors_[last];
  end_life(actor);
  actor.reader.emplace(std::nullopt);
  actor.reader->note_damage();
  actor.reader->start(oracle_);
  collect(last);
  if (!drain(ample_steps) || !actor.reader->over() || actor.reader->error()->code() != Code::corruption) {
    // A loss below where reading begins is nothing to this reader.
    const format::Header& header = oracle_.chain().at(gone);
    if (header.end_offset() <= oracle_.start_offset()) return;
    oracle_.violated(fmt::format("a reader was not told of the lost object {}", gone));
  }
}

}  // namespace varve::sim
