// How old a seal is for certain, though any one clock may be wrong: the least that two independent clocks
// show (docs/protocol.md, "Seals are never deleted").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/epochs.h"
#include "format/header.h"
#include "protocol/recovery_scan.h"

namespace varve::protocol {

/// What one observation says of a seal's age, and whose clocks it rests on. It is right if these are.
struct AgeBound {
  std::int64_t age_ms = 0;
  std::string clock;        ///< a host's name; empty: the store's
  std::string other_clock;  ///< a second one that it rests on; the same: there is none
};

/// The age that holds although any one clock is wrong: of two bounds without a common clock, the smaller; of
/// all such pairs, the largest. Nothing: no two bounds are independent.
[[nodiscard]] std::optional<std::int64_t> certain_age_ms(const std::vector<AgeBound>& bounds);

/// When the machine `host` made object `seq`, by its own clock.
struct HostTime {
  Seq seq = 0;
  std::string host;
  std::int64_t unix_ms = 0;
};

/// What is known of time when seals are to be forgotten.
struct SealClocks {
  std::int64_t no_writer_sleeps_ms = 0;  ///< by the operator's word
  std::int64_t now_unix_ms = 0;          ///< by the clock of `host`, which trims
  std::string host;
  std::optional<std::int64_t> store_now_unix_ms = {};  ///< the store's: when it stored a newest object
  std::vector<HostTime> seen = {};                     ///< objects of the log, ascending

  /// Whether two independent clocks can be had at all.
  [[nodiscard]] bool independent() const;
};

/// A seal whose age is asked for.
struct AgingSeal {
  Seq seq = 0;
  std::string host;                                 ///< that made it; empty: not known
  std::int64_t created_unix_ms = 0;                 ///< by the clock of `host`
  std::optional<std::int64_t> stored_unix_ms = {};  ///< by the store's clock
};

/// Finds out which clocks there are.
class FindSealClocks {
 public:
  /// `newest`: an object that is stored, the younger the better. `history`: the seals of all live epochs.
  /// `now_unix_ms`: by the clock of `host`, which will trim.
  FindSealClocks(Seq newest, format::EpochHistory history, std::uint32_t no_writer_sleeps_days,
                 std::int64_t now_unix_ms, std::string host);

  Requests start();
  Requests on(const Reply& reply);

  /// `result`: only when done. Errors: `invalid_argument` if there is one clock only; the store's.
  [[nodiscard]] bool done() const { return result_.has_value(); }
  [[nodiscard]] const Result<SealClocks>& result() const { return *result_; }

 private:
  Requests on_newest(const Reply& reply);
  void on_seal(const Reply& reply);
  void finish();

  Seq newest_;
  format::EpochHistory history_;
  SealClocks clocks_;
  std::size_t outstanding_ = 0;
  std::optional<Result<SealClocks>> result_;
};

/// The host that a seal names; nothing if its body is not there or damaged.
[[nodiscard]] std::optional<std::string> host_in(const Reply& reply, const format::Header& seal);

/// Whether the seal is older than any writer sleeps, whichever one clock is wrong.
[[nodiscard]] bool outlives_sleepers(const AgingSeal& seal, const SealClocks& clocks);

}  // namespace varve::protocol
