// The second half of a run: no more faults. Whatever happened, a new writer must come to own the log
// within a bounded number of steps, everybody must come to an end, and all must be found in order.
#include <fmt/format.h>

#include "sim/simulation.h"

namespace varve::sim {

namespace {
// What an opening, a handful of appends, a trim or the reading of one run's log takes, amply.
constexpr std::uint64_t ample_steps = 20'000;
// After so many polls a reader that follows has made sure where the log ends.
constexpr int polls_to_make_sure = 55;
}  // namespace

bool Simulation::drain_until(std::uint64_t most, const std::function<bool()>& done) {
  for (; most > 0 && !violated(); --most) {
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

  const bool mirror_first = there_ && random_.below(2) == 0;
  if (mirror_first) mirror_comes_to_a_good_end();
  if (!violated()) source_comes_to_a_good_end();
  if (there_ && !mirror_first && !violated()) mirror_comes_to_a_good_end();
  if (!violated()) check_losses_are_told(writers + readers - 1);
}

void Simulation::source_comes_to_a_good_end() {
  if (oracle_.retired()) {
    open_writer(0, {});
    collect(0);
    if (!drain(ample_steps) || !actors_[0].writer->over())
      return oracle_.violated("a log that goes on elsewhere is opened for writing");
  } else {
    owner_comes_to_a_good_end(random_.below(writers));
  }
  if (!violated()) check_readers_reach_end(writers, writers + readers - 1);
}

void Simulation::owner_comes_to_a_good_end(std::size_t last) {
  const bool there = actors_[last].there;
  Oracle& truth = oracle(there);
  protocol::AppenderOptions options;
  options.retry = {.first_ms = 5, .most_ms = 100};
  open_writer(last, options);
  collect(last);
  Writer& writer = *actors_[last].writer;
  if (!drain_until(ample_steps, [&] { return writer.is_open() || writer.over(); }) || !writer.is_open()) {
    return truth.violated("without faults, a new writer does not come to own the log");
  }
  for (std::uint32_t i = 0; i < 2 * writer.appender().window() + 3; ++i) {
    if (!drain_until(ample_steps, [&] { return writer.can_append() || writer.over(); }) || writer.over()) {
      return truth.violated("without faults, the owner of the log cannot append");
    }
    writer.append(1 + i % 2, now_, truth);
    collect(last);
  }
  if (!drain(ample_steps) || !writer.can_trim()) return truth.violated("the owner does not come to rest");
  writer.trim(random_.between(writer.appender().start_offset(), writer.appender().durable_offset()), 0, now_,
              truth);
  collect(last);
  if (!drain(ample_steps) || writer.trimming()) return truth.violated("a trim does not end");
  check_leftovers(there);
  writer.close(0, now_, truth);
  collect(last);
  if (!drain(ample_steps) || !writer.over() || writer.appender().ending()) {
    return truth.violated("the owner of the log cannot close it");
  }
  if (writer.appender().durable_offset() != truth.end_offset())
    truth.violated("the owner has another end offset");
  truth.finish();
}

// Everything that should be there is; below the trim point, only seals that may still be needed.
void Simulation::check_leftovers(bool there) {
  const protocol::TestLog& log = there ? there_->log : log_;
  Oracle& truth = oracle(there);
  for (const auto& [seq, header] : truth.chain()) {
    if (there && !there_->ever(seq)) continue;  // the mirror began behind it
    const bool kept =
        header.kind == format::Kind::seal ? !truth.seal_may_go(seq) : seq >= truth.lowest_live();
    if (kept && !log.objects.contains(seq)) return truth.violated(fmt::format("object {} is gone", seq));
  }
  for (const auto& [seq, object] : log.objects) {
    if (seq >= truth.lowest_live()) break;
    const auto at = truth.chain().find(seq);
    const bool stays =
        at != truth.chain().end() && at->second.kind == format::Kind::seal && !truth.seal_may_go(seq);
    if (!stays)
      return truth.violated(
          fmt::format("object {} is left, though all below {} was swept", seq, truth.lowest_live()));
  }
}

void Simulation::check_readers_reach_end(std::size_t first, std::size_t last) {
  Oracle& truth = oracle(actors_[last].there);
  for (std::size_t i = first; i <= last; ++i) {
    Actor& actor = actors_[i];
    if (i == last) {
      end_life(actor);
      actor.reader.emplace(std::nullopt);
      if (const Recorder* trail = recorder(actor.there)) actor.reader->record(*trail, client(i));
      actor.reader->start(truth);
    } else if (!actor.reader || actor.reader->over()) {
      continue;
    }
    // One that follows makes sure of the tail only now and then.
    for (int polls = 0; polls < polls_to_make_sure; ++polls) {
      if (actor.reader->waits() && actor.reader->offset() != truth.end_offset()) actor.reader->poll();
      collect(i);
      if (!drain(ample_steps)) return truth.violated("a reader does not come to rest");
    }
    if (actor.reader->over() || actor.reader->offset() != truth.end_offset()) {
      if (i != last && actor.reader->over()) continue;  // it may have been damaged earlier
      return truth.violated("without faults, a reader does not reach the end of the log");
    }
  }
}

// Takes one object away that another knows of: nobody may take the place for the log's end.
void Simulation::check_losses_are_told(std::size_t last) {
  const bool there = actors_[last].there;
  Oracle& truth = oracle(there);
  std::vector<Seq> known;
  const Seq newest_anchor = truth.chain().rbegin()->second.anchor;
  for (const auto& [seq, header] : truth.chain()) {
    if (header.kind == format::Kind::data && seq >= truth.lowest_live() && seq <= newest_anchor)
      known.push_back(seq);
  }
  if (known.empty()) return;
  const Seq gone = known[random_.below(known.size())];
  (there ? there_->log : log_).objects.erase(gone);
  if (const Recorder* trail = recorder(there)) trail->loses(gone);

  Actor& actor = actors_[last];
  end_life(actor);
  actor.reader.emplace(std::nullopt);
  actor.reader->note_damage();
  if (const Recorder* trail = recorder(there)) actor.reader->record(*trail, client(last));
  actor.reader->start(truth);
  collect(last);
  if (!drain(ample_steps) || !actor.reader->over() || actor.reader->error()->code() != Code::corruption) {
    // A loss below where reading begins is nothing to this reader.
    const format::Header& header = truth.chain().at(gone);
    if (header.end_offset() <= truth.start_offset()) return;
    truth.violated(fmt::format("a reader was not told of the lost object {}", gone));
  }
}

}  // namespace varve::sim
