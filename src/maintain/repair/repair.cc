#include "varve/repair.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/mutant.h"
#include "format/key.h"
#include "log/epoch_map.h"
#include "log/front_door.h"
#include "log/read_position.h"
#include "log/system.h"
#include "log/take_over.h"
#include "maintain/inspect/findings.h"
#include "maintain/repair/cursors.h"
#include "maintain/repair/plan.h"
#include "protocol/sweep.h"
#include "protocol/takeover.h"
#include "varve/inspect.h"

namespace varve {

using log::LogStore;
using maintain::CheckpointState;
using maintain::Diagnosis;
using maintain::EpochMap;
using maintain::is_damage;
using maintain::Slot;
using maintain::TailLoss;
using protocol::LogState;
using protocol::Reply;
using protocol::Request;
using protocol::Requests;

namespace {

class Repairing {
 public:
  Repairing(LogAddress log, const RepairOptions& options) : log_store_(std::move(log)), options_(options) {}

  Result<Diagnosis> diagnose();

  Result<void> seal_past(const TailLoss& loss) const;
  Result<void> accept_end(Offset end) const;
  Result<void> delete_garbage();
  Result<void> rebuild_checkpoint() const;
  /// Only of a log that can be opened.
  [[nodiscard]] Offset start_offset() const { return view_->start_offset(); }

 private:
  [[nodiscard]] LogStore::Deadline deadline() const { return LogStore::after(options_.give_up_ms); }
  Result<void> take_over(protocol::Claimant claimant) const;
  Result<std::vector<Seq>> in_voids(const EpochMap& epochs) const;
  Result<void> remove(std::vector<Seq> seqs) const;
  Result<void> take_damage(const protocol::Damage& damage, Diagnosis& found) const;
  void judge_checkpoint(const Result<format::Checkpoint>& checkpoint, Diagnosis& found) const;
  Result<void> look_at_checkpoint(Diagnosis& found) const;
  [[nodiscard]] Error is_mirror() const;

  LogStore log_store_;
  const RepairOptions& options_;
  std::optional<LogState> view_;  // of a log that can be opened
  Seq swept_below_ = 0;
};

Result<Diagnosis> Repairing::diagnose() {
  Diagnosis found;
  auto view = read::read_log_state(log_store_, {.deadline = deadline(), .stop = {}}, read::OnDamage::tell);
  if (!view && view.error().code() != Code::corruption) return view.error();
  if (!view) {
    view_.reset();
    found.beyond_repair = view.error();
    return found;
  }
  if (view->mirror) return is_mirror();
  view_ = *std::move(view);
  if (view_->damage) {
    if (const auto taken = take_damage(*view_->damage, found); !taken) return taken.error();
    return found;
  }
  if (view_->lost_end) found.end = view_->tail.offset;
  const auto info = inspect(log_store_.address());
  if (!info) return info.error();
  found.garbage_objects = info->garbage_objects;
  found.garbage_bytes = info->garbage_bytes;
  if (const auto looked = look_at_checkpoint(found); !looked) return looked.error();
  return found;
}

Result<void> Repairing::take_damage(const protocol::Damage& damage, Diagnosis& found) const {
  const auto checkpoint = read::read_checkpoint(log_store_, {.deadline = deadline(), .stop = {}});
  if (!checkpoint && !is_damage(checkpoint.error())) return checkpoint.error();
  if (!checkpoint) {
    // It may say that this is a mirror, or be the only witness of more that is lost.
    found.beyond_repair = Error(
        Code::corruption,
        fmt::format("{}; and the checkpoint can't be read: restore it from a copy, or delete {} if this is "
                    "no mirror, and call again",
                    damage.why.message(), format::checkpoint_key(log_store_.address().path)));
    return {};
  }
  if (damage.end_unknown || damage.lost.empty()) {
    found.beyond_repair = damage.why;
    return {};
  }
  TailLoss loss{.lost = {}, .walk_from = damage.walk_from, .tail = view_->tail};
  for (const protocol::LostObjects& one : damage.lost)
    loss.lost.push_back({one.first, one.next, one.offsets});
  found.loss = std::move(loss);
  return {};
}

// What is rebuilt here would say that it is none; and its trims are finished by the mirror.
Error Repairing::is_mirror() const {
  return {Code::unsupported,
          log_store_.name_of_log() + " is a mirror: `varve mirror` does what is left to do"};
}

Result<void> Repairing::look_at_checkpoint(Diagnosis& found) const {
  const auto known = read::read_checkpoint(log_store_, {.deadline = deadline(), .stop = {}});
  if (!known && !is_damage(known.error())) return known.error();
  if (known && !*known) {
    found.checkpoint = CheckpointState::missing;
  } else {
    judge_checkpoint(known ? Result<format::Checkpoint>(**known) : known.error(), found);
  }
  return {};
}

void Repairing::judge_checkpoint(const Result<format::Checkpoint>& checkpoint, Diagnosis& found) const {
  found.checkpoint = CheckpointState::useless;
  if (!checkpoint) {
    found.checkpoint_why = "cannot be read: " + checkpoint.error().message();
  } else if (checkpoint->log_id != view_->tail.log_id || checkpoint->window != view_->tail.window) {
    found.checkpoint_why = "belongs to another log";
  } else if (view_->lost_end && !mutated(Mutant::witness_replaced)) {
    found.checkpoint = CheckpointState::witness;
    found.checkpoint_why = explain(*view_->lost_end, view_->tail).message();
  } else if (checkpoint->anchor < view_->lowest_live()) {
    found.checkpoint_why = fmt::format("names object {}, and the log begins at {} now", checkpoint->anchor,
                                       view_->lowest_live());
  } else if (checkpoint->anchor >= view_->tail.seq) {
    found.checkpoint_why = fmt::format("names object {}, which was given up: the log ends before object {}",
                                       checkpoint->anchor, view_->tail.seq);
  } else {
    found.checkpoint = CheckpointState::sound;
  }
}

// A takeover like any other, but for where it begins to walk.
Result<void> Repairing::seal_past(const TailLoss& loss) const {
  protocol::Claimant claimant;
  claimant.past_loss = loss.walk_from;
  return take_over(std::move(claimant));
}

// Likewise, but for what it goes past. The checkpoint that knew better is replaced at once: there is nothing
// that it could still be a witness for.
Result<void> Repairing::accept_end(Offset end) const {
  protocol::Claimant claimant;
  claimant.accepted_end = end;
  return take_over(std::move(claimant));
}

Result<void> Repairing::take_over(protocol::Claimant claimant) const {
  claimant.must_exist = true;
  claimant.writer_id = log::random_id();
  claimant.host = log::host_name();
  claimant.pid = log::process_id();
  const auto ownership = log::take_over(log_store_, std::move(claimant), deadline());
  return ownership ? Result<void>() : ownership.error();
}

Result<std::vector<Seq>> Repairing::in_voids(const EpochMap& epochs) const {
  std::vector<Seq> found;
  Seq next = view_->lowest_live();
  for (bool more = true; more;) {
    std::optional<Error> error;
    const auto on = [&](const Reply& page) {
      error = page.error;
      more = page.truncated && !page.listed.empty();
      for (const protocol::ListedSeq& object : page.listed) {
        next = object.seq + 1;
        if (object.seq >= view_->tail.seq) more = false;
        const Slot slot = epochs.slot(object.seq);
        const bool voided =
            slot == Slot::in_void || (mutated(Mutant::live_swept_by_repair) && slot != Slot::seal);
        if (object.seq < view_->tail.seq && voided) found.push_back(object.seq);
      }
      return Requests();
    };
    const auto listed =
        log_store_.drive({Request::make(Request::Kind::list, next, protocol::page_limit)}, on, deadline());
    if (!listed) return listed.error();
    if (error) return *error;
  }
  return found;
}

Result<void> Repairing::remove(std::vector<Seq> seqs) const {
  std::optional<Error> error;
  const auto on = [&](const Reply& reply) {
    if (reply.error) {
      error = reply.error;
    } else if (!reply.not_removed.empty()) {
      error = Error(Code::unavailable,
                    fmt::format("{} objects could not be deleted; try again", reply.not_removed.size()));
    }
    return Requests();
  };
  Requests requests;
  for (std::size_t i = 0; i < seqs.size(); i += protocol::page_limit) {
    Request request = Request::make(Request::Kind::remove);
    const auto from = seqs.begin() + static_cast<std::ptrdiff_t>(i);
    const auto count = std::min<std::ptrdiff_t>(protocol::page_limit, seqs.end() - from);
    request.seqs.assign(from, from + count);
    requests.push_back(std::move(request));
  }
  const auto driven = log_store_.drive(std::move(requests), on, deadline());
  if (!driven) return driven;
  return error ? Result<void>(*error) : Result<void>();
}

// Below the start as any writer would sweep it, and what lies in voids above.
Result<void> Repairing::delete_garbage() {
  protocol::Sweep sweep({.from = 0, .below = view_->lowest_live(), .history = view_->history, .clocks = {}});
  const auto swept = log_store_.drive(
      sweep.start(), [&](const Reply& reply) { return sweep.on(reply); }, deadline());
  if (!swept) return swept;
  if (sweep.error()) return *sweep.error();
  if (sweep.left() != 0) {
    return Error(Code::unavailable, fmt::format("{} objects could not be deleted; try again", sweep.left()));
  }
  swept_below_ = view_->lowest_live();
  const auto epochs = EpochMap::load(log_store_, *view_, {.deadline = deadline(), .stop = {}});
  if (!epochs) return epochs.error();
  auto voided = in_voids(*epochs);
  if (!voided) return voided.error();
  return remove(*std::move(voided));
}

Result<void> Repairing::rebuild_checkpoint() const {
  format::Checkpoint checkpoint{.log_id = view_->tail.log_id,
                                .anchor = view_->newest_owned.seq,
                                .window = view_->tail.window,
                                .swept_below = swept_below_,
                                .history = view_->history};
  std::erase_if(checkpoint.history,
                [&](const format::EpochEntry& entry) { return entry.seal > checkpoint.anchor; });
  Request request = Request::make(Request::Kind::put_checkpoint);
  request.body = format::encode_checkpoint(checkpoint);
  std::optional<Error> error;
  const auto on = [&](const Reply& reply) {
    error = reply.error;
    return Requests();
  };
  const auto driven = log_store_.drive({std::move(request)}, on, deadline());
  if (!driven) return driven;
  return error ? Result<void>(*error) : Result<void>();
}

Error in_time(const Error& error) {
  return error.code() == Code::timed_out ? Error(Code::unavailable, error.message()) : error;
}

void add(RepairPlan& plan, maintain::BadCursors bad) {
  plan.steps.insert(plan.steps.end(), bad.steps.begin(), bad.steps.end());
  plan.notes.insert(plan.notes.end(), bad.notes.begin(), bad.notes.end());
}

Error not_that_hole(const RepairPlan& plan, Offset named) {
  const OffsetRange lost = plan.lost.front().offsets;
  return Error(Code::out_of_range,
               fmt::format("the lost records begin at offset {}, not at {}; nothing was done", lost.begin,
                           named))
      .with_valid_range(lost);
}

Error not_that_end(Offset end, Offset named) {
  return Error(Code::out_of_range,
               fmt::format("the log ends at offset {}, not at {}; nothing was done", end, named))
      .with_valid_range({end, end});
}

/// Whether the operator's word is about something else than what there is.
std::optional<Error> misnamed(const RepairPlan& plan, const RepairOptions& options) {
  if (mutated(Mutant::any_hole_named)) return std::nullopt;
  const auto hole = options.seal_past_hole_at;
  if (hole && !plan.lost.empty() && plan.lost.front().offsets.begin != *hole)
    return not_that_hole(plan, *hole);
  if (options.accept_end && plan.lost_end && *plan.lost_end != *options.accept_end) {
    return not_that_end(*plan.lost_end, *options.accept_end);
  }
  return std::nullopt;
}

Result<RepairPlan> plan(const LogAddress& log, const RepairOptions& options) {
  const auto found = Repairing(log, options).diagnose();
  if (!found) return in_time(found.error());
  RepairPlan plan = maintain::plan_for(*found);
  if (auto wrong = misnamed(plan, options)) return *std::move(wrong);
  if (!plan.lost.empty() || plan.beyond_repair) return plan;  // the cursors cannot be told yet
  auto bad = maintain::find_bad_cursors(log, options.give_up_ms);
  if (!bad) return in_time(bad.error());
  add(plan, *std::move(bad));
  return plan;
}

Result<RepairPlan> carry_out(const LogAddress& log, const RepairOptions& options) {
  Repairing repairing(log, options);
  auto found = repairing.diagnose();
  if (!found) return in_time(found.error());
  RepairPlan done;
  if (found->loss || (found->end && options.accept_end)) {
    done = maintain::plan_for(*found);
    if (found->loss && !options.seal_past_hole_at) return done;
    if (auto wrong = misnamed(done, options)) return *std::move(wrong);
    const auto sealed = found->loss ? repairing.seal_past(*found->loss) : repairing.accept_end(*found->end);
    if (!sealed) return in_time(sealed.error());
    done.steps.resize(1);
    done.steps.front().done = true;
    done.notes.clear();
    found = repairing.diagnose();
    if (!found) return in_time(found.error());
    // Of the same seal, so that it still looks like a witness.
    if (done.lost_end && found->end) found->given_up();
  }
  RepairPlan rest = maintain::plan_for(*found);
  for (RepairStep& step : rest.steps) {
    if (step.needs_word) continue;
    const auto carried_out =
        step.kind == RepairKind::delete_garbage ? repairing.delete_garbage() : repairing.rebuild_checkpoint();
    if (!carried_out) return in_time(carried_out.error());
    step.done = true;
  }
  done.steps.insert(done.steps.end(), rest.steps.begin(), rest.steps.end());
  done.notes.insert(done.notes.end(), rest.notes.begin(), rest.notes.end());
  done.lost.insert(done.lost.end(), rest.lost.begin(), rest.lost.end());
  if (!done.lost_end) done.lost_end = rest.lost_end;
  done.beyond_repair = rest.beyond_repair;
  if (!rest.lost.empty() || rest.beyond_repair) return done;
  auto bad = maintain::find_bad_cursors(log, options.give_up_ms);
  if (!bad) return in_time(bad.error());
  const auto restarted = maintain::restart_cursors(log, *bad, repairing.start_offset(), options.give_up_ms);
  if (!restarted) return in_time(restarted.error());
  add(done, *std::move(bad));
  return done;
}

}  // namespace

Result<RepairPlan> plan_repair(const LogAddress& log, const RepairOptions& options) {
  return log::with_store(log, [&] { return plan(log, options); });
}

Result<RepairPlan> repair(const LogAddress& log, const RepairOptions& options) {
  return log::with_store(log, [&] { return carry_out(log, options); });
}

}  // namespace varve
