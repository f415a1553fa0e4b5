// Planted bugs: deliberate defects, to see that the tests find them. Only a build with the preset
// `plant` has them, all asleep; the environment variable VARVE_PLANT wakes one up. In every other
// build `planted` is false at compile time. tools/check-plants runs them all.
#pragma once

#include <cstdint>

namespace varve {

enum class Plant : std::uint8_t {
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
  fence_ignored,        ///< a place taken by another counts as one of ours
  unknown_forgotten,    ///< a PUT with an unknown outcome is said to be not written
  claims_too_much,      ///< headers say that all before them is stored
  trim_before_durable,  ///< sweeps before the new start is durable
  trim_too_far,         ///< gives up the object that holds the new start
  // Finding the tail.
  checkpoint_trusted,   ///< the walk begins where the checkpoint says
  hint_is_the_end,      ///< nothing at or after the hint means that there is no log
  hole_accepted,        ///< a hole is the tail even if later objects know of its content
  one_look,             ///< what one look misses is called corruption
  seal_at_end_trusted,  ///< a seal at the end is believed without looking behind it
  newest_anchor_only,   ///< only the last object's anchor counts
  far_junk_counts,      ///< objects far below the end have a say
  // Taking over.
  seal_not_rechecked,      ///< owns as soon as the seal is stored
  seal_exists_is_ours,     ///< owns though the place of the seal was taken
  ahead_owns,              ///< a seal ahead of the tail owns the log
  ahead_fences_claimant,   ///< a dead claimant's seal ahead ends a takeover
  all_seals_fence_nobody,  ///< every seal may be deleted with a trim
  seal_forgets_trim,       ///< a seal takes the log's start back
  seal_forgets_history,    ///< a seal names no epochs before it
  // Sweeping, searching, following.
  seals_swept,          ///< seals are deleted like anything else
  lowest_live_swept,    ///< deletes the lowest live object, too
  live_epoch_over,      ///< epochs in use are taken for over
  search_off_by_one,    ///< finds the object before
  empty_epoch_found,    ///< of epochs that begin at the same offset, takes the first
  misled_reader_stays,  ///< a reader that passed a seal put late does not find its way back
  // Formats.
  header_crc_unchecked,  ///< a damaged header is believed
  record_crc_unchecked,  ///< a damaged record is delivered
  count,
};

#ifdef VARVE_PLANTS
[[nodiscard]] bool planted(Plant plant) noexcept;
/// "no_void"; null beyond the last.
[[nodiscard]] const char* name_of(Plant plant) noexcept;
#else
[[nodiscard]] constexpr bool planted(Plant /*plant*/) noexcept { return false; }
#endif

}  // namespace varve
