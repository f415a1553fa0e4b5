// What runs with a mirror have besides: it copies and dies and goes on, somebody promotes it, and then it has
// a writer and a reader of its own.
#include <fmt/format.h>

#include "sim/simulation.h"

namespace varve::sim {

namespace {
constexpr std::uint64_t ample_steps = 20'000;
}  // namespace

void Simulation::prepare_mirror() {
  keeps_ = random_.below(4) == 0;
  there_.emplace(oracle_, keeps_);
  actors_[writer_there].there = actors_[reader_there].there = true;
  forgetful_ = random_.below(4) == 0;
  promotes_ = random_.below(3) != 0;
  seals_source_ = random_.below(2) == 0;
}

bool Simulation::violated() {
  if (there_ && there_->promoted() && there_->oracle().violation())
    oracle_.violated("what was promoted: " + *there_->oracle().violation());
  return oracle_.violation().has_value() || (there_ && there_->begun_late());
}

void Simulation::act_about_mirror(std::size_t index) {
  notice_vagueness();
  if (index == mirror_at) return act_as_mirror(actors_[index]);
  if (index == promoter_at) return act_as_promoter(actors_[index]);
  if (!there_->promoted()) return;
  if (index == writer_there) return act_as_writer(index);
  act_as_reader(index);
}

void Simulation::act_as_mirror(Actor& actor) {
  if (random_.below(4) == 0) check_there();
  if (!actor.mirror) {
    if (random_.below(3) == 0) start_mirror(actor);
    return;
  }
  if (const auto& mirroring = actor.mirror->mirroring(); mirroring && mirroring->anchor())
    there_->check_copied(mirroring->state().begins_seq, *mirroring->anchor());
  if (actor.mirror->waits()) actor.mirror->poll();
}

// Where it had forgotten that it is a mirror, one may have begun anew behind a gap: until its checkpoint is
// there, a late one misleads.
void Simulation::check_there() {
  if (there_->promoted() || !forgetful_ || !grew_vague_) there_->check();
}

void Simulation::act_as_promoter(Actor& actor) {
  if (!promotes_ || actor.promoter || random_.below(12) != 0) return;
  if (there_->promoted() && random_.below(8) != 0) return;
  start_promoter(actor);
}

Mirror::Options Simulation::mirror_options() {
  const bool impatient = random_.below(2) == 0 && !live_;
  const auto give_up_ms = static_cast<std::uint32_t>(random_.between(50, 1000));
  return {.mirroring = {.give_up_ms = impatient ? give_up_ms : 0,
                        .checkpoint_every_objects = static_cast<std::uint32_t>(random_.between(1, 6)),
                        .retry = {.first_ms = 5, .most_ms = 100},
                        .jitter_seed = random_.below(1000) + 1},
          .keeps = keeps_,
          .verify = random_.below(2) == 0};
}

void Simulation::start_mirror(Actor& actor) {
  end_life(actor);
  actor.vague = !was_known_;
  actor.mirror.emplace(mirror_options());
  if (options_.recorder != nullptr) actor.mirror->record(*options_.recorder, client(mirror_at));
  actor.mirror->start();
}

void Simulation::start_promoter(Actor& actor) {
  end_life(actor);
  actor.vague = !was_known_;
  writers_born_ += 2;
  actor.promoter.emplace(Promoter::Options{
      .number = writers_born_ - 1, .source_at_hand = seals_source_, .mirror = mirror_options()});
  if (options_.recorder != nullptr) {
    options_.recorder->opens(writers_born_, protocol::Purpose::retire);
    actor.promoter->record(*options_.recorder);
  }
  actor.promoter->start();
}

// A late checkpoint, or none: until the next, nobody can tell that this is a mirror.
void Simulation::notice_vagueness() {
  if (there_->promoted()) return;
  const bool vague = there_->vague();
  was_known_ = was_known_ || !vague;
  grew_vague_ = grew_vague_ || (was_known_ && vague);
}

void Simulation::judge(std::size_t index) {
  Actor& actor = actors_[index];
  const bool mirror_over = actor.mirror && actor.mirror->over();
  const bool promoter_over = actor.promoter && actor.promoter->over();
  if (actor.judged || (!mirror_over && !promoter_over)) return;
  actor.judged = true;
  if (mirror_over) judge_error(actor, *actor.mirror->error(), actor.mirror->damaged());
  if (promoter_over) judge_promotion(actor);
  if (!live_) end_life(actor);
}

void Simulation::judge_promotion(const Actor& actor) {
  const Promoter& promoter = *actor.promoter;
  if (promoter.error()) return judge_error(actor, *promoter.error(), promoter.damaged());
  if (!there_->promoted()) return oracle_.violated("a promotion is done, and its seal is not there");
  const auto& owned = promoter.owned();
  if (!owned) return;
  if (owned->next.offset < promoter.told_end()) oracle_.violated("a promotion gives up more than was told");
  if (seals_source_ && (!oracle_.retired() || owned->next.offset != oracle_.end_offset()))
    oracle_.violated(
        fmt::format("a promotion ends at offset {}, and the source, which was sealed for it, at {}",
                    owned->next.offset, oracle_.end_offset()));
}

void Simulation::judge_error(const Actor& actor, const Error& error, bool damaged) {
  notice_vagueness();
  // Who meets somebody else's objects says so; who cannot tell what the destination is, too.
  if (there_->promoted() && error.code() == Code::foreign) return;
  if (there_->promoted() && forgetful_ && error.code() == Code::corruption) return;
  if (!there_->promoted() && (grew_vague_ || actor.vague) && error.code() == Code::corruption) return;
  if (error.code() == Code::invalid_argument) return;  // not a mirror, or not yet
  oracle_.failed(error, damaged, actor.mirror ? "a mirror" : "who promotes");
}

void Simulation::check_mirror_is_not_opened() {
  open_writer(writer_there, {});
  collect(writer_there);
  const Writer& writer = *actors_[writer_there].writer;
  if (!drain(ample_steps) || !writer.over()) oracle_.violated("a mirror is opened for writing");
}

// The live phase: unless it was promoted, all is copied, and it is. Then it must be a log as good as any.
void Simulation::mirror_comes_to_a_good_end() {
  notice_vagueness();
  Actor& mirror = actors_[mirror_at];
  if (!there_->promoted()) {
    start_mirror(mirror);
    collect(mirror_at);
    const auto settled = [&] { return mirror.mirror->caught_up() || mirror.mirror->over(); };
    if (!drain_until(ample_steps, settled)) return oracle_.violated("a mirror does not come to rest");
    if (mirror.mirror->over()) {
      // It was left behind for good, or does not know any more what it is: made anew elsewhere.
      const Code code = mirror.mirror->error()->code();
      if (code != Code::out_of_range && !grew_vague_ && was_known_)
        oracle_.violated("without faults, a mirror is over: " + mirror.mirror->error()->message());
      return;
    }
    check_there();
    if (!there_->vague()) check_mirror_is_not_opened();
    if (violated()) return;
    seals_source_ = random_.below(2) == 0;
  }
  Actor& promoter = actors_[promoter_at];
  start_promoter(promoter);
  collect(promoter_at);
  if (!drain_until(ample_steps, [&] { return promoter.promoter->over(); }))
    return oracle_.violated("a promotion does not end");
  if (!promoter.promoter->done())
    return oracle_.violated("without faults, a promotion fails: " + promoter.promoter->error()->message());
  if (!drain(ample_steps)) return oracle_.violated("the run does not come to rest after a promotion");
  there_->check();
  if (violated()) return;
  owner_comes_to_a_good_end(writer_there);
  if (!violated()) check_readers_reach_end(reader_there, reader_there);
  if (!violated()) check_losses_are_told(reader_there);
}

}  // namespace varve::sim
