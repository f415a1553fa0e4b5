// Whether a log, as it stands now, is the one that something was read from before.
//
// A log may be deleted and made anew, or be put back to an older copy and written on from there, while
// readers live. Then offsets and seqs go on as if nothing had happened. So a reader remembers an object that
// it knows to be on its log's chain, and whoever begins to read at another place checks that this object is
// on the chain that leads there.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/recovery_scan.h"

namespace varve::protocol {

/// An object that is known to be on a chain: enough to tell whether another state of the log has it, too.
struct ChainMark {
  format::Id log_id;
  format::Id writer_id;  ///< who owns the epoch
  Seq epoch = 0;
  Seq seq = 0;
  std::uint64_t hash = 0;  ///< `format::hash_of` the header: the running hash up to this object

  friend bool operator==(const ChainMark&, const ChainMark&) = default;
};
/// `object`: not an `ahead` seal.
[[nodiscard]] ChainMark mark_of(const format::Header& object);

enum class ChainMatch : std::uint8_t {
  same,           ///< the marked object is on this chain
  other_log,      ///< another log stands here
  other_history,  ///< the log has another object in the mark's place: it was put back, and written on
  ends_before,    ///< the log ends before the mark: it was put back, or its end is lost
  untied,         ///< all that could tell was trimmed away
};

/// Tells whether the chain of a state has the marked object. Why it may be trusted: docs/protocol.md, "Is it
/// still the same log?".
class ChainCheck {
 public:
  /// `history`: the state's, or a longer one. `found`: an object of this chain, where reading shall go on.
  ChainCheck(const LogState& state, format::EpochHistory history, const ChainMark& mark,
             const std::optional<format::Header>& found);

  Requests start();
  Requests on(const Reply& reply);

  [[nodiscard]] bool done() const { return match_.has_value(); }
  [[nodiscard]] ChainMatch match() const { return *match_; }

 private:
  Requests look_at_epoch();
  Requests look_at_objects();
  Requests ask_for_seal();
  Requests on_object(const Reply& reply);
  Requests on_seal(const Reply& reply);
  Requests conclude(ChainMatch match);
  Requests conclude_if(bool same);

  format::EpochHistory history_;
  ChainMark mark_;
  std::optional<format::Header> found_;
  format::Header newest_;
  format::Header newest_owned_;
  Seq lowest_live_;
  std::optional<ChainMatch> match_;
};

}  // namespace varve::protocol
