// Takes a log over: from a survey to a seal that is on the chain, whoever else is at work.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/recovery_scan.h"

namespace varve::protocol {

/// What a log is taken over for.
enum class Purpose : std::uint8_t {
  write,    ///< refused where the log is a mirror, or goes on elsewhere
  retire,   ///< so that it goes on in a mirror of it: its seal says so. Refused where it is a mirror itself
  promote,  ///< so that what was a mirror, or retired, is a log of its own: its seal says so
};

/// Who wants the log.
struct Claimant {
  format::Id writer_id;
  format::Id new_log_id;          ///< used only if the log does not exist
  std::uint32_t new_window = 64;  ///< likewise
  std::string host;
  std::uint64_t pid = 0;
  bool must_exist = false;
  std::optional<Seq> past_loss = {};  ///< as `RecoveryScan::Options::past_loss`
  /// The operator's word that the log ends at this offset, whatever its checkpoint knows of.
  std::optional<Offset> accepted_end = {};
  Purpose purpose = Purpose::write;
  std::optional<Seq> expected_tail = {};  ///< where the log was seen to end; elsewhere: `unavailable`
};

/// What the owner of a log starts from.
struct Ownership {
  format::Id writer_id;
  Position next;                        ///< the place of its first DATA object
  format::Header seal;                  ///< its own
  format::EpochHistory history;         ///< up to its own seal
  std::vector<ListedSeq> leftovers;     ///< in voids near the end, its own included: may be deleted
  Seq swept_below = 0;                  ///< trims' deletions are done below this seq, as far as known
  std::uint64_t truncated_objects = 0;  ///< the unfinished tail that the seal voided
  std::uint64_t since_checkpoint = 0;   ///< how many places its seal is beyond the checkpoint's anchor
};

class Takeover {
 public:
  explicit Takeover(Claimant claimant)
      : claimant_(std::move(claimant)),
        scan_({.want_history = true, .fewest_trips = true, .past_loss = claimant_.past_loss}) {}

  /// `now_unix_ms`: for the seal's time.
  Requests start(std::int64_t now_unix_ms);
  /// A `put_object` whose outcome is unknown must be repeated by the driver until it is known.
  Requests on(const Reply& reply, std::int64_t now_unix_ms);

  /// Removes the claim. The last requests of `on` hold it; a driver that stops earlier sends it. Nobody waits
  /// for the reply.
  [[nodiscard]] Requests release_claim() const;

  [[nodiscard]] bool done() const { return result_.has_value(); }
  /// Only when done. Errors: those of `Survey`, `fenced` (another claimant won after us),
  /// `not_found` (with `must_exist`), `corruption` (the checkpoint knows of objects behind the end that are
  /// not there). A purpose that is refused is `fenced` as well.
  [[nodiscard]] const Result<Ownership>& result() const { return *result_; }

 private:
  enum class Stage : std::uint8_t { scan, promotion, put, recheck };

  /// Tells sweeps that this takeover is under way: see docs/protocol.md, "Why a claim".
  struct Claim {
    format::Id id;
    bool sent = false;
    bool stored = false;
    Requests held = {};            ///< sent when it is stored
    bool before_the_scan = false;  ///< it was stored before the scan began
  };
  /// The last look, and the replies it waits for.
  struct Look {
    std::uint32_t outstanding = 0;
    std::optional<Reply> put = {};      ///< of the seal put last
    std::optional<Reply> behind = {};   ///< the listing behind the scan's newest object
    std::optional<Reply> revoked = {};  ///< whether the claim was revoked
    std::optional<LogState> view = {};  ///< the scan that shows our seal as the chain's end
    std::optional<Error> doubted = {};  ///< true unless the claim was revoked
  };

  Requests put_claim();
  Requests on_claim(const Reply& reply);
  Requests on_revoked(const Reply& reply);
  Requests when_claimed(Requests requests);
  Requests on_scan(const Reply& reply, std::int64_t now_unix_ms);
  Requests scan_again();
  Requests on_view(const LogState& view, std::int64_t now_unix_ms);
  [[nodiscard]] std::optional<Error> lost_end_of(const LogState& view) const;
  [[nodiscard]] std::optional<Error> refusal(const LogState& view) const;
  [[nodiscard]] bool may_be_a_copy(const LogState& view) const;
  Requests on_promotion(const Reply& reply, std::int64_t now_unix_ms);
  Requests create(std::int64_t now_unix_ms);
  Requests seal_at(const LogState& view, bool ahead, std::int64_t now_unix_ms);
  Requests put(format::Header header, format::EpochHistory history, std::int64_t now_unix_ms);
  Requests on_put(const Reply& reply);
  Requests on_recheck(const Reply& reply);
  [[nodiscard]] Request list_behind_view() const;
  [[nodiscard]] bool shows_news(const Reply& listing) const;
  Requests confirm(std::optional<LogState> view);
  Requests own(const LogState* view);
  Requests doubt(Error error);
  Requests fail(Error error);

  Claimant claimant_;
  RecoveryScan scan_;
  Stage stage_ = Stage::scan;
  std::optional<format::Header> seal_;    // the seal put last
  std::optional<format::Header> stored_;  // a regular seal of ours that was stored
  format::EpochHistory history_;          // what the seal put last says came before
  std::optional<LogState> view_;          // what the seal put last was based on
  std::optional<Seq> promoted_here_;      // a seal of which that is known
  std::uint32_t lost_races_ = 0;
  std::uint32_t rounds_ = 0;
  std::uint64_t truncated_objects_ = 0;
  Claim claim_;
  Look look_;
  std::optional<Result<Ownership>> result_;
};

/// What is said of the note of a promotion that is not empty: `unsupported`. What it means that it says more
/// than that it is there, only a newer program knows.
[[nodiscard]] Error newer_note(Seq seal);

}  // namespace varve::protocol
