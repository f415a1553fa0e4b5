// What a log's newest objects and its checkpoint prove about its end: where a walk may begin, and whether a
// hole is an unfinished tail or lost data. The recovery scan, verify, repair and inspect all judge by this.
// The table of cases: docs/protocol.md, "Evidence". Pure: headers in, verdicts out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "format/checkpoint.h"
#include "format/epochs.h"
#include "protocol/position.h"
#include "protocol/request.h"

namespace varve::protocol {

/// The newest objects of a log, as they were listed and read, and its checkpoint.
struct NearEnd {
  std::vector<ListedSeq> listed;                  ///< ascending
  std::map<Seq, Result<format::Header>> headers;  ///< of those that were read; an error: why not
  std::optional<format::Checkpoint> checkpoint;   ///< a readable one of this log
  std::uint32_t window = 0;                       ///< 0 until known
  /// Whether a promotion was ever noted here. Asked only where a header can't be read.
  std::optional<bool> promotions_noted = {};

  [[nodiscard]] std::optional<std::size_t> index_of(Seq seq) const;
  [[nodiscard]] bool is_listed(Seq seq) const { return index_of(seq).has_value(); }
};

/// Objects below this say nothing of the log's end: there is no newest chain object below it. What lies
/// beyond that one (an unfinished tail, a seal placed ahead) is within a window of the tail, and the tail
/// within a window of it.
[[nodiscard]] Seq say_begins(const NearEnd& near);

/// The epoch up to which objects here are copies, if the checkpoint says that the log is a mirror.
[[nodiscard]] std::optional<Seq> mirrored_epoch(const std::optional<format::Checkpoint>& checkpoint);

/// A mirror's first checkpoint is put before the first record: until that is there, there is no log.
[[nodiscard]] bool nothing_copied_yet(const NearEnd& near);

/// A mirror's first checkpoint may come late, when another mirror has begun anew: where that one has.
[[nodiscard]] std::optional<Seq> begun_at(const NearEnd& near);

/// Whether an object near the end can't be read and may be the seal of a promotion.
[[nodiscard]] bool something_may_be_promotion(const NearEnd& near);

/// The chain object to walk from: the highest anchor that a header near the end names.
[[nodiscard]] Seq highest_anchor(const NearEnd& near);

/// How it is known that a place was stored, with all before it.
enum class Proof : std::uint8_t {
  header,      ///< the header of an object behind it says so
  window,      ///< DATA a window behind it could only be put after that
  checkpoint,  ///< the checkpoint names an object behind it, which is there
};

struct Claim {
  Proof proof = Proof::header;
  Seq witness = 0;       ///< the object that proves it
  Seq stored_below = 0;  ///< every chain object below this was stored
  Offset offset = 0;     ///< `Proof::header`: the first offset at `stored_below`
};

/// Of what the sound objects from `from` on prove, that which reaches furthest.
[[nodiscard]] std::optional<Claim> furthest_claim(const NearEnd& near, Seq from);

/// "it was acknowledged (...)".
[[nodiscard]] std::string describe(const Claim& claim);

/// The checkpoint, and nothing else, says that the log went on behind its end.
struct LostEnd {
  Seq named = 0;  ///< the newest object that the checkpoint knows as stored with all before it
};
/// `tail`: where the walk ended. A checkpoint may lie (the objects may be an older copy than the checkpoint
/// is), so this changes nothing of what is read. Nothing if the log was sealed since the epoch that the
/// checkpoint tells of: then somebody has gone on without what was lost.
[[nodiscard]] std::optional<LostEnd> lost_end(const Position& tail,
                                              const std::optional<format::Checkpoint>& checkpoint);

/// What whoever would write is told: `corruption`.
[[nodiscard]] Error explain(const LostEnd& lost, const Position& tail);
/// The same where there is not a single object.
[[nodiscard]] Error nothing_is_left(const format::Checkpoint& checkpoint);

/// Objects that were stored, and are missing or unreadable.
struct LostObjects {
  Seq first = 0;
  Seq next = 0;         ///< the sound one behind them
  OffsetRange offsets;  ///< of their records; empty: there were none
};

/// A log's end in spite of losses: stretch after stretch of sound objects.
struct RecoveredEnd {
  format::Header first;         ///< of the first stretch
  format::Header newest;        ///< of the last one
  format::Header newest_owned;  ///< the newest that is not an `ahead` seal
  Position tail;                ///< the place behind `newest`
  format::EpochHistory
      seals;  ///< behind `first`, also those that are lost, as far as later objects name them
  std::vector<ListedSeq> garbage;  ///< in voids on the way

  std::vector<LostObjects> lost;  ///< those that a walk from the highest anchor comes to
  Seq walk_from = 0;              ///< an object behind all of it; from there the chain is whole up to `tail`
  /// Why nobody can tell what was acknowledged from `tail` on. Unset: the log ends there.
  std::optional<Error> end_unknown;
  Seq stored_below = 0;  ///< every chain object below was stored
};

/// `near` has all headers of the last few windows. Errors: `corruption`, if none of them is sound.
Result<RecoveredEnd> recover_end(const NearEnd& near);

}  // namespace varve::protocol
