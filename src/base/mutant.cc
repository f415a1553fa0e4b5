#include "base/mutant.h"

#ifdef VARVE_MUTANTS

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace varve {

namespace {

constexpr std::array names{
    "none",
    "no_void",
    "epoch_ignored",
    "link_ignored",
    "offset_ignored",
    "closed_goes_on",
    "exists_is_success",
    "look_trusts_kind",
    "ack_before_previous",
    "window_too_wide",
    "uploads_unbounded",
    "fence_ignored",
    "unknown_forgotten",
    "claims_too_much",
    "trim_before_durable",
    "trim_too_far",
    "checkpoint_trusted",
    "hint_is_the_end",
    "hole_accepted",
    "one_look",
    "stale_listing_believed",
    "seal_at_end_trusted",
    "newest_anchor_only",
    "far_junk_counts",
    "lost_end_ignored",
    "lost_void_believed",
    "newer_passed_over",
    "strangers_end_listing",
    "nested_log_made",
    "seal_not_rechecked",
    "nothing_claimed",
    "revocation_ignored",
    "claims_unheeded",
    "listed_mark_removed",
    "seal_exists_is_ours",
    "ahead_owns",
    "ahead_fences_claimant",
    "all_seals_fence_nobody",
    "seal_forgets_trim",
    "seal_forgets_history",
    "mirror_window_dropped",
    "mirror_seal_no_barrier",
    "mirror_trim_ahead",
    "mirror_exists_trusted",
    "mirror_unverified",
    "mirror_stray_seal",
    "mirror_sweeps_unsaid",
    "mirror_anchors_believed",
    "mirror_late_believed",
    "void_anchors_believed",
    "mirror_opens",
    "retired_opens",
    "copied_promotion_believed",
    "retired_for_anybody",
    "promoted_without_rest",
    "promoted_unverified",
    "unreadable_is_absent",
    "standby_not_awaited",
    "standby_taken_counts",
    "standby_out_of_order",
    "rejoins_early",
    "alone_in_silence",
    "promoted_ignored",
    "trims_past_standby",
    "standby_keeps_buffers",
    "seals_swept",
    "lowest_live_swept",
    "one_clock_believed",
    "live_epoch_over",
    "search_off_by_one",
    "empty_epoch_found",
    "misled_reader_stays",
    "header_crc_unchecked",
    "record_crc_unchecked",
    "block_crc_unchecked",
    "block_length_trusted",
    "claims_overlap",
    "committed_unwritten",
    "commit_not_awaited",
    "commit_tells_nobody",
    "memory_used_again",
    "memory_not_counted",
    "room_stays_shut",
    "told_before_durable",
    "told_newest_first",
    "told_twice",
    "told_after_close",
    "rest_not_told",
    "watermark_too_high",
    "packed_not_awaited",
    "nudge_forgotten",
    "wake_in_step_lost",
    "waiting_keeps_place",
    "bell_not_rung",
    "hole_skipped",
    "unknown_end_believed",
    "hole_ends_reading",
    "told_again",
    "read_ahead_unbounded",
    "wake_lost",
    "bell_for_one",
    "other_log_followed",
    "other_history_followed",
    "untied_followed",
    "tail_by_name",
    "doubts_add_up",
    "old_view_believed",
    "trim_seems_damage",
    "part_believed",
    "stretch_from_front",
    "cache_believed",
    "no_look_back",
    "absent_move_is_lost",
    "any_history_fits",
    "untrusted_not_heard",
    "move_exists_is_ours",
    "handed_is_done",
    "skipped_is_done",
    "doubt_forgotten",
    "cursor_not_heard",
    "moved_idle_ignored",
    "retain_fences",
    "any_hole_named",
    "live_swept_by_repair",
    "witness_replaced",
    "put_replaces",
    "condition_dropped",
    "lost_put_not_written",
    "hedge_keeps_nothing",
};
static_assert(names.size() == static_cast<std::size_t>(Mutant::count));

Mutant chosen() {
  const char* wanted = std::getenv("VARVE_MUTANT");
  if (wanted == nullptr) return Mutant::none;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::strcmp(names[i], wanted) == 0) return static_cast<Mutant>(i);
  }
  std::fprintf(stderr, "no such plant: %s\n", wanted);
  std::exit(2);
}

}  // namespace

bool mutated(Mutant plant) noexcept {
  static const Mutant awake = chosen();
  return plant == awake;
}

}  // namespace varve

#endif
