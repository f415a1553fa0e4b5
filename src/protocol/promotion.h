// Makes a mirror a log of its own: with its source at hand, which is sealed first so that nothing can be
// acknowledged there any more, or by the word of whoever knows what is lost. docs/protocol.md (Promotion).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/takeover.h"
#include "protocol/two_logs.h"

namespace varve::protocol {

struct PromotionOptions {
  std::string source;  ///< "<store>/<log>", if it is at hand
  std::string mirror;  ///< likewise
  bool source_at_hand = false;
  bool plan_only = false;
  std::optional<Offset> accept_loss_after = {};
  std::optional<Offset> accept_missing_at = {};
  // The seals' writers, drawn for this promotion.
  format::Id retiring_writer;
  format::Id promoting_writer;
  std::string host;
  std::uint64_t pid = 0;
};

struct PromotionFacts {
  std::string source;     ///< its name, as the mirror knew it
  Offset end_offset = 0;  ///< where the mirror ends, and writing goes on
  Offset source_end = 0;  ///< the source's end when it was seen last
  std::int64_t source_seen_unix_ms = 0;
  bool retired = false;        ///< no mirror, but a log that goes on elsewhere
  bool source_sealed = false;  ///< and all of it copied: nothing is lost
  bool done = false;
};

class Promotion {
 public:
  explicit Promotion(PromotionOptions options);
  Promotion(const Promotion&) = delete;
  Promotion& operator=(const Promotion&) = delete;

  SidedRequests start(std::int64_t now_unix_ms);
  /// One call for each request; what else is to be asked. A `put_object` whose outcome is unknown must be
  /// repeated by the driver until it is known.
  SidedRequests on(const Reply& reply, std::int64_t now_unix_ms);

  /// The driver has all that the source holds copied, by a mirror that was started with `verify`, and tells
  /// how that ended by `copied`. No request is under way meanwhile.
  [[nodiscard]] bool wants_copies() const { return wants_copies_; }
  SidedRequests copied(const Result<void>& result, std::int64_t now_unix_ms);

  [[nodiscard]] bool done() const { return task_.done(); }
  /// Only when done. Errors: those of `varve::promote`.
  [[nodiscard]] const Result<PromotionFacts>& result() const { return task_.value(); }
  /// What was promoted, if this did it.
  [[nodiscard]] const std::optional<Ownership>& owned() const { return owned_; }

 private:
  struct Copied;

  Task<Result<PromotionFacts>> run();
  Task<Result<void>> plan();
  Task<Result<PromotionFacts>> finish();
  Task<Result<void>> take_the_rest();
  Task<Result<Ownership>> take_over_whole();
  Task<Result<void>> expect_whole();
  Task<Result<void>> missing(Occupied stored);
  Task<Result<Ownership>> take_over(Side side, Purpose purpose);
  [[nodiscard]] ChainPlaces places() const;
  [[nodiscard]] Conversation::Listener listener_of(Takeover& takeover);
  [[nodiscard]] Claimant claimant(const format::Id& writer, Purpose purpose) const;

  [[nodiscard]] Error loss() const;
  [[nodiscard]] Error retired_before(const LogState& source) const;

  PromotionOptions options_;
  TwoLogs logs_;
  LogState view_;  // of the mirror
  PromotionFacts facts_;
  std::optional<Ownership> owned_;
  bool wants_copies_ = false;
  Result<void> copied_;
  std::coroutine_handle<> waiting_for_copies_;
  std::int64_t now_unix_ms_ = 0;
  Task<Result<PromotionFacts>> task_;
};

}  // namespace varve::protocol
