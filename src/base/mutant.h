// Planted bugs: deliberate defects, to see that the tests find them. Only the programs of the target
// `varve_mutants` have them, all asleep; the environment variable VARVE_MUTANT wakes one up. Everywhere
// else `planted` is false at compile time. tools/check-mutants wakes them one after the other.
//
// They stand in source files, not in headers: only those are compiled again (cmake/mutants.cmake).
#pragma once

#include <cstdint>

namespace varve {

enum class Mutant : std::uint8_t {
  none,
  // The chain rule.
  no_void,         ///< after a seal the chain goes on at the next place, not W further
  epoch_ignored,   ///< DATA of another epoch continues the log
  link_ignored,    ///< an object written after another predecessor continues the log
  offset_ignored,  ///< an object with another first offset continues the log
  closed_goes_on,  ///< DATA may follow the end of its epoch
  // Appending.
  exists_is_success,    ///< "already exists" on a PUT is taken for one's own
  look_trusts_kind,     ///< DATA that lies at our place is taken for ours, whoever wrote it
  ack_before_previous,  ///< acknowledged when stored, whatever becomes of the objects before it
  window_too_wide,      ///< W + 1 objects are in flight
  uploads_unbounded,    ///< more uploads are under way than the writer allows
  fence_ignored,        ///< a place taken by another counts as one of ours
  unknown_forgotten,    ///< a PUT with an unknown outcome is said to be not written
  claims_too_much,      ///< headers say that all before them is stored
  trim_before_durable,  ///< sweeps before the new start is durable
  trim_too_far,         ///< gives up the object that holds the new start
  // Finding the tail.
  checkpoint_trusted,      ///< the walk begins where the checkpoint says
  hint_is_the_end,         ///< nothing at or after the hint means that there is no log
  hole_accepted,           ///< a hole is the tail even if later objects know of its content
  one_look,                ///< what one look misses is called corruption
  stale_listing_believed,  ///< what was deleted since it was listed counts as lost
  seal_at_end_trusted,     ///< a seal at the end is believed without looking behind it
  newest_anchor_only,      ///< only the last object's anchor counts
  far_junk_counts,         ///< objects far below the end have a say
  lost_end_ignored,        ///< what the checkpoint alone knows of is forgotten
  lost_void_believed,      ///< what lies in the void of a lost seal counts as the log going on
  newer_passed_over,       ///< a newer program's checkpoint counts as none
  strangers_end_listing,   ///< where only names that no log makes are listed, nothing is behind them
  nested_log_made,         ///< a log is made among another log's objects
  // Taking over.
  seal_not_rechecked,      ///< owns as soon as the seal is stored
  nothing_claimed,         ///< a takeover makes no claim
  revocation_ignored,      ///< a takeover goes on under a claim that a sweep has revoked
  claims_unheeded,         ///< a sweep deletes without a word to those who claim the log
  listed_mark_removed,     ///< a sweep believes a listing that shows a mark and not its claim
  seal_exists_is_ours,     ///< owns though the place of the seal was taken
  ahead_owns,              ///< a seal ahead of the tail owns the log
  ahead_fences_claimant,   ///< a dead claimant's seal ahead ends a takeover
  all_seals_fence_nobody,  ///< every seal may be deleted with a trim
  seal_forgets_trim,       ///< a seal takes the log's start back
  seal_forgets_history,    ///< a seal names no epochs before it
  // Mirroring.
  mirror_window_dropped,      ///< copies are put beyond the window
  mirror_seal_no_barrier,     ///< a seal, and what follows it, is put while places before it are empty
  mirror_trim_ahead,          ///< an object that tells of a trim is put before what that leaves
  mirror_exists_trusted,      ///< "already exists" at the destination is taken for a copy
  mirror_unverified,          ///< what the source holds is copied without looking at it
  mirror_stray_seal,          ///< a seal is copied without asking whether it is on the chain
  mirror_sweeps_unsaid,       ///< sweeps what the destination's checkpoint still names
  mirror_anchors_believed,    ///< what copies say of the source is believed of the destination
  mirror_late_believed,       ///< what a mirror's checkpoint names is walked from, though it was swept
  void_anchors_believed,      ///< what lies in a void has a say in where to walk from
  mirror_opens,               ///< a mirror is opened for writing like any log
  retired_opens,              ///< so is a log that goes on elsewhere
  copied_promotion_believed,  ///< so is a copy of a promoted log that does not say that it is a mirror
  retired_for_anybody,        ///< a promotion goes on where the source was sealed for another mirror
  promoted_without_rest,      ///< a promotion does not copy what is left at the source
  promoted_unverified,        ///< a promotion does not look whether every place is there
  unreadable_is_absent,       ///< what can't be read counts as what is not there
  // A standby.
  standby_not_awaited,    ///< acknowledges what the first store has
  standby_taken_counts,   ///< what was sent to the standby counts as stored there
  standby_out_of_order,   ///< of several that come to be in both, the newest is acknowledged first
  rejoins_early,          ///< is said to be in both again before all that was acknowledged is
  alone_in_silence,       ///< goes on with the first alone, and says nothing
  promoted_ignored,       ///< a second that was promoted counts as one that is away
  trims_past_standby,     ///< deletes at the first what the standby has yet to copy
  standby_keeps_buffers,  ///< while the standby is away, what it has yet to store fills the writer's buffers
  // Sweeping, searching, following.
  seals_swept,          ///< seals are deleted like anything else
  lowest_live_swept,    ///< deletes the lowest live object, too
  one_clock_believed,   ///< a seal is as old as any one clock says
  live_epoch_over,      ///< epochs in use are taken for over
  search_off_by_one,    ///< finds the object before
  empty_epoch_found,    ///< of epochs that begin at the same offset, takes the first
  misled_reader_stays,  ///< a reader that passed a seal put late does not find its way back
  // Formats.
  header_crc_unchecked,  ///< a damaged header is believed
  record_crc_unchecked,  ///< a damaged record is delivered
  block_crc_unchecked,   ///< a damaged block is decompressed
  block_length_trusted,  ///< a block that decompresses to less than its length is taken
  // Batches.
  claims_overlap,       ///< two threads may claim the same place
  committed_unwritten,  ///< a record is committed before its bytes are there
  commit_not_awaited,   ///< a closed batch is uploaded while records are still written to it
  commit_tells_nobody,  ///< the last commit misses that the batch has closed meanwhile
  memory_used_again,    ///< memory is used again while an upload of it goes on, as the second of a hedge
  memory_not_counted,   ///< more is held than the limit allows
  room_stays_shut,      ///< memory that comes back lets no appends in
  // The writer.
  told_before_durable,  ///< callbacks run when the object is sent
  told_newest_first,    ///< callbacks run newest first when several wait
  told_twice,           ///< callbacks run twice
  told_after_close,     ///< `close` does not wait for the last callbacks
  rest_not_told,        ///< who is in flight when the writer fails never hears of it
  watermark_too_high,   ///< one record more counts as durable
  packed_not_awaited,   ///< a batch overtakes one before it that is still being compressed
  nudge_forgotten,      ///< nobody wakes the upload loop for a batch that was completed late
  wake_in_step_lost,    ///< a task that is woken while it is stepped is not stepped once more
  waiting_keeps_place,  ///< no other thread takes the place of one whose step waits
  bell_not_rung,        ///< readers in the writer's process are not told that there is more
  // The reader.
  hole_skipped,            ///< reading goes on behind an object that is gone
  unknown_end_believed,    ///< where nobody knows what is lost at the end, the log ends
  hole_ends_reading,       ///< an object that is gone is taken for the end
  told_again,              ///< reading within an object begins at its front
  read_ahead_unbounded,    ///< more is fetched ahead than the limit allows
  wake_lost,               ///< a reader that is woken goes on with its pause
  bell_for_one,            ///< of several readers only the first hears the bell
  other_log_followed,      ///< a reader goes on in another log that was made in the place of its own
  other_history_followed,  ///< a reader goes on in its log though that was put back and written on
  untied_followed,         ///< a reader goes on though nothing ties what follows to what it has read
  tail_by_name,            ///< a reader takes an object for the one before it by its place alone
  doubts_add_up,           ///< looks at one place count at the next one, too
  // Reading by offset.
  old_view_believed,   ///< what came since the last look is said not to be there
  trim_seems_damage,   ///< what was trimmed since the last look counts as lost
  part_believed,       ///< what lies deep in an object is read without its header
  stretch_from_front,  ///< the first record of the stretch that was read is returned
  cache_believed,      ///< what is not what was known of an object is called damage
  // Cursors and consumers.
  no_look_back,         ///< a cursor's move stands though newer ones were made and swept meanwhile
  absent_move_is_lost,  ///< "already exists" and then nothing there is taken for a lost race
  any_history_fits,     ///< a cursor of another history of the log is believed
  untrusted_not_heard,  ///< retention passes over a cursor that cannot be relied on
  move_exists_is_ours,  ///< "already exists" on a move is taken for one's own
  handed_is_done,       ///< a consumer commits what it has only handed out
  skipped_is_done,      ///< a consumer that passes what was trimmed commits what it has only handed out
  doubt_forgotten,      ///< a consumer takes its own move, whose answer was lost, for somebody else's
  // Retention and repair.
  cursor_not_heard,      ///< an age or a size lets go of what a cursor still needs
  moved_idle_ignored,    ///< a plan is carried out though a cursor that it took for idle has moved
  retain_fences,         ///< retention takes the log from a writer at work, unasked
  any_hole_named,        ///< whatever offset is named, repair seals past the hole
  live_swept_by_repair,  ///< repair deletes live objects with what lies in voids
  witness_replaced,      ///< repair replaces the checkpoint that alone knows of a loss
  // Stores.
  put_replaces,          ///< "create if absent" on files replaces what is there
  condition_dropped,     ///< "create if absent" on S3 is sent without its condition
  lost_put_not_written,  ///< a PUT to S3 whose answer is lost is said to be not written
  hedge_keeps_nothing,   ///< the slower of two PUTs of a hedge does not keep the bytes that it sends
  count,
};

#ifdef VARVE_MUTANTS
[[nodiscard]] bool mutated(Mutant plant) noexcept;
#else
[[nodiscard]] constexpr bool mutated(Mutant /*plant*/) noexcept { return false; }
#endif

}  // namespace varve
