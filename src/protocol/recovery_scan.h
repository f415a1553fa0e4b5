// Finds out where a log stands, from outside: its newest chain object, its tail, what lies beyond.
//
// Where to begin walking is taken from the objects themselves: every header names an `anchor`, a
// chain object that was stored with all before it. Among the headers near the end the highest
// anchor is taken. It exists: it could only have been deleted after a later header, with a higher
// anchor, was durable, and the newest chain object is never deleted (docs/protocol.md, "Anchors").
// The checkpoint only says from where on to list; wrong, it costs time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "format/checkpoint.h"
#include "format/epochs.h"
#include "format/seal.h"
#include "protocol/evidence.h"
#include "protocol/position.h"
#include "protocol/request.h"
#include "protocol/tail_listing.h"

namespace varve::protocol {

/// What is lost near a log's end, or cannot be read there. Nobody may write behind it without the operator's
/// word; what is sound can be read.
struct Damage {
  Error why;                           ///< `corruption` or `foreign`
  std::vector<LostObjects> lost = {};  ///< as far as it is known
  Seq walk_from = 0;         ///< an object behind all that; from there the log is whole up to its tail
  bool end_unknown = false;  ///< from the tail on there may have been more that was acknowledged
  Seq stored_below = 0;      ///< every chain object below was stored, as sound objects prove
};

/// What a survey found.
struct LogState {
  bool exists = false;               ///< false: there is no object at all; nothing else is set
  Position tail;                     ///< the first hole, and what belongs there
  format::Header newest;             ///< the newest chain object
  format::Header newest_owned;       ///< the newest that is not an `ahead` seal: its trim state holds
  std::vector<ListedSeq> cut;        ///< behind the tail: an unfinished tail, or seals placed ahead
  std::vector<ListedSeq> leftovers;  ///< in voids passed on the way
  format::EpochHistory history;      ///< every live epoch's seal (if asked for)
  std::optional<format::Checkpoint> checkpoint;
  std::optional<format::MirrorState> mirror;  ///< the log is a mirror of another (if history was asked for)
  std::optional<Damage> damage;               ///< only with `Options::tell_damage`
  /// The checkpoint alone says that there was more: read the log as if it did not, and write nothing.
  std::optional<LostEnd> lost_end;

  [[nodiscard]] Offset start_offset() const;
  [[nodiscard]] Seq lowest_live() const;
  /// It goes on elsewhere: a promotion sealed it (if history was asked for).
  [[nodiscard]] bool retired() const;
  /// The newest seal that made a log of a mirror: of this one, or, if this is a copy, of what it was copied
  /// from. Likewise.
  [[nodiscard]] std::optional<Seq> newest_promotion() const;
};

/// What a survey reads of each object near the end: its header, and with it all of a seal of a log with up
/// to a hundred epochs or so, which would be another round trip.
inline constexpr std::uint32_t front_bytes = 4096;

class RecoveryScan {
 public:
  struct Options {
    bool want_history = false;
    bool fewest_trips = false;  ///< reads `front_bytes` of objects, should the history be in one of them
    /// The operator has given up what is lost before this object, so it is walked from, unless later
    /// objects know a place behind it.
    std::optional<Seq> past_loss = {};
    /// Damage is no error: the view tells of it, and of what can be read. For those who write nothing.
    bool tell_damage = false;
  };
  explicit RecoveryScan(Options options) : options_(options) {}

  /// The first requests. Replies may come in any order.
  Requests start();
  /// What else to ask, now that `reply` is known. Nothing more comes once `done`.
  Requests on(const Reply& reply);

  [[nodiscard]] bool done() const { return result_.has_value(); }
  /// Only when done. Errors: `corruption` (names what is missing or damaged), `foreign`,
  /// `unsupported`, `unavailable` (the log changes faster than it can be looked at), or the
  /// store's own.
  [[nodiscard]] const Result<LogState>& result() const { return *result_; }

 private:
  enum class Stage : std::uint8_t {
    checkpoint,
    listing,
    headers,
    promotions,
    recheck,
    seal,
    recovery,
    first_copy
  };

  Requests on_checkpoint(const Reply& reply);
  Requests on_listing(const Reply& reply);
  Requests on_header(const Reply& reply);
  Requests on_recheck(const Reply& reply);
  Requests on_seal(const Reply& reply);

  Requests ask_headers_from(std::size_t index);
  Requests walk_when_complete();
  Requests walk(std::size_t anchor_index);
  Requests confirm_lost_end();
  Requests recover(Error why);
  Requests take_recovered();
  Requests finish_or_ask_history();
  Requests without_seal(Error why);
  Requests finish_with(format::EpochHistory until_anchor);
  Requests finish();
  Requests doubt(Seq seq, Error error);
  Requests suspect_missing(Seq seq, std::optional<Offset> offset, std::string_view what);
  Requests fail(Error error);
  Requests restart();

  [[nodiscard]] std::size_t first_needed() const;
  [[nodiscard]] bool something_near_end_went() const;
  [[nodiscard]] std::optional<Error> foreign_object(Seq* where) const;
  [[nodiscard]] std::optional<Seq> unread_first_copy() const;
  void judge_mirror();

  Options options_;
  Stage stage_ = Stage::checkpoint;
  std::optional<TailListing> listing_;
  NearEnd near_;
  std::map<Seq, format::SealBody> seals_;  // those of `near_` that came with all of their body
  std::size_t outstanding_ = 0;
  std::size_t lowest_asked_ = 0;  // headers of objects()[lowest_asked_..] are asked for
  Seq anchor_epoch_ = 0;
  Offset anchor_epoch_begins_ = 0;  // at most; should its seal be lost
  format::EpochHistory walked_seals_;
  LogState view_;
  std::optional<Seq> doubted_;  // found missing or wrong by the look before this one
  std::uint32_t restarts_ = 0;
  std::uint32_t unreadable_checkpoints_ = 0;
  std::optional<Result<LogState>> result_;
};

/// What a look that found no log says: `not_found`, or `corruption` where its checkpoint knows of objects.
[[nodiscard]] Error nothing_there(const LogState& state);

/// Looks at one reply of `get_header` or `get_object`: the decoded header, told which object it is.
Result<format::Header> header_in(const Reply& reply);

}  // namespace varve::protocol
