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
using maintain::NearEnd;
using maintain::Slot;
using maintain::TailLoss;
using protocol::LogState;
using protocol::Reply;
using protocol::Request;
using protocol::Requests;

namespace {

/// Something lies there, and what it is can't be told.
bool is_unreadable(const Error& error) {
  return error.code() == Code::corruption || error.code() == Code::foreign ||
         error.code() == Code::unsupported;
}

class Repairing {
 public:
  Repairing(LogAddress log, const RepairOptions& options) : log_store_(std::move(log)), options_(options) {}

  Result<Diagnosis> diagnose();

  Result<void> seal_past(const TailLoss& loss) const;
  Result<void> delete_garbage();
  Result<void> rebuild_checkpoint() const;
  /// Only of a log that can be opened.
  [[nodiscard]] Offset start_offset() const { return view_->start_offset(); }

 private:
  [[nodiscard]] LogStore::Deadline deadline() const { return LogStore::after(options_.give_up_ms); }
  Result<void> find_loss(const Error& refusal, Diagnosis& found) const;
  Result<NearEnd> look_near_end() const;
  Result<std::vector<Seq>> in_voids(const EpochMap& epochs) const;
  Result<void> remove(std::vector<Seq> seqs) const;
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
  auto view = read::read_log_state(log_store_, {.deadline = deadline(), .stop = {}});
  if (!view) {
    if (view.error().code() != Code::corruption) return view.error();
    view_.reset();
    if (const auto looked = find_loss(view.error(), found); !looked) return looked.error();
    return found;
  }
  if (view->mirror) return is_mirror();
  view_ = *std::move(view);
  const auto info = inspect(log_store_.address());
  if (!info) return info.error();
  found.garbage_objects = info->garbage_objects;
  found.garbage_bytes = info->garbage_bytes;
  if (const auto looked = look_at_checkpoint(found); !looked) return looked.error();
  return found;
}

// What is rebuilt here would say that it is none; and its trims are finished by the mirror.
Error Repairing::is_mirror() const {
  return {Code::unsupported,
          log_store_.name_of_log() + " is a mirror: `varve mirror` does what is left to do"};
}

// The newest objects' headers.
Result<NearEnd> Repairing::look_near_end() const {
  std::vector<Seq> newest;
  Seq next = 0;
  for (bool more = true; more;) {
    std::optional<Error> error;
    const auto on = [&](const Reply& page) {
      error = page.error;
      more = page.truncated && !page.listed.empty();
      for (const protocol::ListedSeq& object : page.listed) newest.push_back(object.seq);
      if (more) next = page.listed.back().seq + 1;
      return Requests();
    };
    const auto listed =
        log_store_.drive({Request::make(Request::Kind::list, next, protocol::page_limit)}, on, deadline());
    if (!listed) return listed.error();
    if (error) return *error;
    if (newest.size() > maintain::newest_looked_at) {
      newest.erase(newest.begin(), newest.end() - static_cast<std::ptrdiff_t>(maintain::newest_looked_at));
    }
  }
  NearEnd end;
  std::optional<Error> error;
  Requests requests;
  for (const Seq seq : newest) requests.push_back(Request::make(Request::Kind::get_header, seq));
  const auto on = [&](const Reply& reply) {
    if (reply.error && !reply.is(Code::not_found)) error = reply.error;
    if (!reply.is(Code::not_found)) end.headers.emplace(reply.seq, protocol::header_in(reply));
    return Requests();
  };
  const auto looked = log_store_.drive(std::move(requests), on, deadline());
  if (!looked) return looked.error();
  if (error) return *error;
  return end;
}

Result<void> Repairing::find_loss(const Error& refusal, Diagnosis& found) const {
  auto checkpoint = read::read_checkpoint(log_store_, {.deadline = deadline(), .stop = {}});
  if (!checkpoint && !is_unreadable(checkpoint.error())) return checkpoint.error();
  if (!checkpoint) {
    // It may say that this is a mirror, or be the only witness of more that is lost.
    found.beyond_repair = Error(
        Code::corruption,
        fmt::format("{}; and the checkpoint can't be read: restore it from a copy, or delete {} if this is "
                    "no mirror, and call again",
                    refusal.message(), format::checkpoint_key(log_store_.address().path)));
    return {};
  }
  if (*checkpoint && (*checkpoint)->mirror) return is_mirror();
  auto end = look_near_end();
  if (!end) return end.error();
  end->checkpoint = *std::move(checkpoint);
  auto loss = maintain::find_tail_loss(*end);
  if (!loss) {
    found.beyond_repair = loss.error();
  } else if (!*loss) {
    found.beyond_repair = refusal;  // not for a hole, then
  } else {
    found.loss = *std::move(loss);
  }
  return {};
}

Result<void> Repairing::look_at_checkpoint(Diagnosis& found) const {
  const auto known = read::read_checkpoint(log_store_, {.deadline = deadline(), .stop = {}});
  if (!known && !is_unreadable(known.error())) return known.error();
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
    // One that only a newer program understands is none of ours to replace.
    if (checkpoint.error().code() == Code::unsupported) found.checkpoint = CheckpointState::sound;
    found.checkpoint_why = "cannot be read: " + checkpoint.error().message();
  } else if (checkpoint->log_id != view_->tail.log_id || checkpoint->window != view_->tail.window) {
    found.checkpoint_why = "belongs to another log";
  } else if (checkpoint->anchor < view_->lowest_live()) {
    found.checkpoint_why = fmt::format("names object {}, and the log begins at {} now", checkpoint->anchor,
                                       view_->lowest_live());
  } else if (checkpoint->anchor >= view_->tail.seq) {
    found.checkpoint = mutated(Mutant::witness_replaced) ? CheckpointState::useless : CheckpointState::ahead;
    found.checkpoint_why = fmt::format("names object {}, and the log ends before object {}",
                                       checkpoint->anchor, view_->tail.seq);
  } else {
    found.checkpoint = CheckpointState::sound;
  }
}

// A takeover like any other, but for where it begins to walk.
Result<void> Repairing::seal_past(const TailLoss& loss) const {
  protocol::Takeover takeover({.writer_id = log::random_id(),
                               .new_log_id = {},
                               .host = log::host_name(),
                               .pid = log::process_id(),
                               .must_exist = true,
                               .past_loss = loss.walk_from});
  const auto driven = log_store_.drive(
      takeover.start(base::unix_ms()),
      [&](const Reply& reply) { return takeover.on(reply, base::unix_ms()); }, deadline());
  if (!driven) return driven;
  if (!takeover.result()) return takeover.result().error();
  return {};
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
  protocol::Sweep sweep({.from = 0,
                         .below = view_->lowest_live(),
                         .history = view_->history,
                         .forget_seals_before_unix_ms = {}});
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

Result<RepairPlan> plan(const LogAddress& log, const RepairOptions& options) {
  const auto found = Repairing(log, options).diagnose();
  if (!found) return in_time(found.error());
  RepairPlan plan = maintain::plan_for(*found);
  const auto named = options.seal_past_hole_at;
  if (named && !plan.lost.empty() && plan.lost.front().offsets.begin != *named)
    return not_that_hole(plan, *named);
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
  if (found->loss) {
    done = maintain::plan_for(*found);
    if (!options.seal_past_hole_at) return done;
    const bool named = done.lost.front().offsets.begin == *options.seal_past_hole_at;
    if (!named && !mutated(Mutant::any_hole_named)) {
      return not_that_hole(done, *options.seal_past_hole_at);
    }
    if (const auto sealed = repairing.seal_past(*found->loss); !sealed) return in_time(sealed.error());
    done.steps.front().done = true;
    done.notes.clear();
    found = repairing.diagnose();
    if (!found) return in_time(found.error());
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
