// varve/repair.h - mending a log: what crashes left lying about, and going on after a loss.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "varve/result.h"
#include "varve/store.h"

namespace varve {

enum class RepairKind : std::uint8_t {
  delete_garbage,      ///< what a trim has left below the start, and what lies in voids
  rebuild_checkpoint,  ///< missing, damaged or useless: openings are slow without it
  seal_past_hole,      ///< acknowledged records are lost near the end, so that no writer can open the log
  restart_cursor,      ///< a cursor is damaged, or another log's: its reader begins anew at the log's start
  accept_end,          ///< as `seal_past_hole`, at the very end, where only the checkpoint knows of them
  delete_leftovers [[deprecated("say delete_garbage")]] = delete_garbage,  // old spelling
};

/// The enumerator's name, as in `--json`.
[[nodiscard]] std::string_view to_string(RepairKind kind) noexcept;

/// One thing to be done.
struct RepairStep {
  RepairKind kind = RepairKind::delete_garbage;
  std::string what;         ///< for people
  bool needs_word = false;  ///< only done if `RepairOptions` names the offset
  bool done = false;
};

/// A hole in the log: objects that were stored, and are missing or damaged.
struct LostRecords {
  std::uint64_t first_object = 0;
  std::uint64_t next_object = 0;  ///< the sound one behind it
  OffsetRange offsets;            ///< of the records that were there; empty: there were none
};

struct RepairPlan {
  std::vector<RepairStep> steps;  ///< in the order in which they are done
  std::vector<LostRecords> lost;  ///< that keep writers from opening the log
  /// The log ends here, as far as its objects tell, and its checkpoint says that there was more: that keeps
  /// writers from opening it, too.
  std::optional<Offset> lost_end = {};
  /// What keeps writers from opening the log, where no step would help: restore objects from a copy.
  std::optional<Error> beyond_repair = {};
  std::vector<std::string> notes = {};  ///< what was seen and is left alone
};

struct RepairOptions {
  /// Your word that the lost records which begin at this offset are given up, should writers go on: the
  /// first of `RepairPlan::lost`. Who writes at that moment is fenced.
  std::optional<Offset> seal_past_hole_at = {};

  /// Your word that the log ends at this offset, `RepairPlan::lost_end`, should writers go on there: what was
  /// acknowledged behind it is given up, and its offsets are given out again. End all writers first: one that
  /// is at work and has acknowledged what is lost cannot be told.
  std::optional<Offset> accept_end = {};

  /// How long one request is tried again after errors that may pass. 0: for ever.
  std::uint32_t give_up_ms = 60'000;
};

/// What a repair would do; changes nothing. Looks at names and headers, not at records: `verify` does.
/// Errors: `not_found`, `foreign`, `unsupported` (a mirror among that), `denied`, `unavailable`; damage is no
/// error.
Result<RepairPlan> plan_repair(const LogAddress& log, const RepairOptions& options = {});

/// Plans and does what needs no word, and what `options` name the offset of. Never touches
/// an object of the chain, good or bad. Doing it twice is harmless, and so is doing it beside a writer
/// (docs/protocol.md, Repair). The plan comes back with what was done. Errors: as `plan_repair`;
/// `out_of_range` if the lost records do not begin, or the log does not end, at the named offset: then
/// nothing was done.
Result<RepairPlan> repair(const LogAddress& log, const RepairOptions& options = {});

}  // namespace varve
