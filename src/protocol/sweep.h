// Deletes what a trim has left behind: everything below the lowest live seq that no one needs.
// Seals are kept, for they fence writers that may still wake, but for those that fence nobody, or
// are older than any writer sleeps by the operator's word.
//
// Who takes the log over at that moment may not see what is deleted under his eyes. So all claims are revoked
// before anything is deleted (docs/protocol.md, "Why a claim").
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "format/epochs.h"
#include "protocol/request.h"
#include "protocol/seal_age.h"

namespace varve::protocol {

struct SweepPlan {
  Seq from = 0;                           ///< below this, sweeping is done already
  Seq below = 0;                          ///< the lowest live seq that is durable
  format::EpochHistory history;           ///< the seals from some place on, without a gap
  std::optional<SealClocks> clocks = {};  ///< seals go that are older than any writer sleeps
};

class Sweep {
 public:
  explicit Sweep(SweepPlan plan) : plan_(std::move(plan)), next_(plan_.from) {}

  Requests start();
  Requests on(const Reply& reply);

  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] std::uint64_t removed() const { return removed_; }
  /// Could not be removed, or could not be told to be removable.
  [[nodiscard]] std::uint64_t left() const { return left_; }
  /// The store's, if one ended the sweep early; `unsupported`, if it came to objects of a newer program,
  /// which it has left.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  enum class Verdict : std::uint8_t { remove, keep, read_header };

  Requests on_claims(const Reply& reply);
  Requests on_ended_claim(const Reply& reply);
  Requests on_revoked(const Reply& reply);
  Requests more_claims_or_pages();
  Requests stop(const Error& error);
  Requests on_page(const Reply& reply);
  Requests on_header(const Reply& reply);
  [[nodiscard]] bool may_be_forgotten(const Reply& reply, const format::Header& seal) const;
  Requests on_removed(const Reply& reply);
  Requests remove_or_continue();
  Requests next_page();
  [[nodiscard]] Verdict judge(Seq seq) const;
  [[nodiscard]] bool epoch_is_over(Seq seal) const;

  SweepPlan plan_;
  Seq next_;
  bool last_page_ = false;
  std::size_t outstanding_ = 0;
  std::optional<format::Id> more_claims_behind_;
  std::vector<Seq> removable_;
  std::map<Seq, std::int64_t> stored_unix_ms_;  // by the store's clock, of those whose headers are read
  std::uint64_t removed_ = 0;
  std::uint64_t left_ = 0;
  std::optional<Error> error_;
  bool done_ = false;
};

}  // namespace varve::protocol
