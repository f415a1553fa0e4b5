#include "maintain/repair/plan.h"

#include <fmt/format.h>

namespace varve {

std::string_view to_string(RepairKind kind) noexcept {
  switch (kind) {
    case RepairKind::delete_garbage:
      return "delete_garbage";
    case RepairKind::rebuild_checkpoint:
      return "rebuild_checkpoint";
    case RepairKind::seal_past_hole:
      return "seal_past_hole";
    case RepairKind::restart_cursor:
      return "restart_cursor";
    case RepairKind::accept_end:
      return "accept_end";
  }
  return "unknown_repair";
}

namespace maintain {

namespace {

std::string text_of(const LostRecords& lost) {
  const auto [begin, end] = lost.offsets;
  const std::string records = begin == end ? fmt::format("no records, at offset {}", begin)
                                           : fmt::format("the records {} to {}", begin, end - 1);
  return fmt::format("{} (objects {} to {})", records, lost.first_object, lost.next_object - 1);
}

RepairStep sealing(const TailLoss& loss) {
  std::string lost;
  for (const LostRecords& one : loss.lost) lost += (lost.empty() ? "" : ", ") + text_of(one);
  return {.kind = RepairKind::seal_past_hole,
          .what = fmt::format("lost are {}: seal at object {}, offset {}, so that writers go on behind them; "
                              "readers that come there will be told",
                              lost, loss.tail.seq, loss.tail.offset),
          .needs_word = true,
          .done = false};
}

}  // namespace

RepairPlan plan_for(const Diagnosis& found) {
  RepairPlan plan;
  plan.beyond_repair = found.beyond_repair;
  if (found.beyond_repair) return plan;
  if (found.loss) {
    plan.lost = found.loss->lost;
    plan.steps.push_back(sealing(*found.loss));
    plan.notes.emplace_back("garbage and the checkpoint can be told once writers can open the log again");
    return plan;
  }
  if (found.end) {
    plan.steps.push_back(
        {.kind = RepairKind::accept_end,
         .what = fmt::format(
             "{}: seal there, so that writers go on at offset {}; offsets from there on are given out "
             "again",
             found.checkpoint_why, *found.end),
         .needs_word = true,
         .done = false});
    plan.lost_end = found.end;
  }
  if (found.garbage_objects != 0) {
    plan.steps.push_back(
        {.kind = RepairKind::delete_garbage,
         .what =
             fmt::format("delete {} object{} ({} bytes) that no reader can reach: below the "
                         "start, or in voids",
                         found.garbage_objects, found.garbage_objects == 1 ? "" : "s", found.garbage_bytes)});
  }
  switch (found.checkpoint) {
    case CheckpointState::sound:
      break;
    case CheckpointState::missing:
      plan.steps.push_back(
          {.kind = RepairKind::rebuild_checkpoint, .what = "make a checkpoint: there is none"});
      break;
    case CheckpointState::useless:
      plan.steps.push_back({.kind = RepairKind::rebuild_checkpoint,
                            .what = "make a new checkpoint: this one " + found.checkpoint_why});
      break;
    case CheckpointState::witness:
      break;
  }
  return plan;
}

}  // namespace maintain
}  // namespace varve
