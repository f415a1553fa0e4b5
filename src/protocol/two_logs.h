// What the machines of a mirror ask the two logs that it lies between: the source and the destination.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "format/epochs.h"
#include "protocol/conversation.h"
#include "protocol/recovery_scan.h"

namespace varve::protocol {

/// The places of a chain, in order, from one of them on: as far as its seals are known, and then place by
/// place.
struct ChainPlaces {
  format::EpochHistory seals;  ///< ascending
  std::uint32_t window = 0;
  Seq at = 0;

  void advance();
};

/// Seals that either knows.
[[nodiscard]] format::EpochHistory merged(const format::EpochHistory& one, const format::EpochHistory& other);

/// How far the places of a chain are occupied without a gap.
struct Occupied {
  Seq below = 0;             ///< the lowest place that is empty
  std::vector<Seq> newest;   ///< the last places before it, W + 1 at most, ascending; empty: `from` is empty
  bool more_behind = false;  ///< an object lies behind the gap
};

class TwoLogs {
 public:
  /// "<store>/<log>", of each.
  TwoLogs(std::string source, std::string destination) : names_{std::move(source), std::move(destination)} {}

  Conversation talk;

  [[nodiscard]] const std::string& name(Side side) const { return names_.at(static_cast<std::size_t>(side)); }
  [[nodiscard]] std::string name_of(Side side, Seq seq) const;

  /// A survey. Errors: `not_found` if there is no log, and those of `RecoveryScan`.
  Task<Result<LogState>> scan(Side side);

  /// The header that lies at `seq`; nothing where nothing lies. What can't be read is asked for again, and is
  /// an error then, and never nothing.
  Task<Result<std::optional<format::Header>>> header_at(Side side, Seq seq);
  /// The headers that lie at `seqs`, in their order. Errors: as above, and `not_found` if one is gone.
  Task<Result<std::vector<format::Header>>> headers_at(Side side, std::vector<Seq> seqs);
  /// All of a seal, and what it says; nothing where nothing lies.
  struct SealObject {
    format::Header header;
    format::SealBody body;
    std::vector<std::byte> bytes;
  };
  Task<Result<std::optional<SealObject>>> seal_at(Side side, Seq seq);

  /// The checkpoint of one of them.
  struct KnownCheckpoint {
    std::optional<format::Checkpoint> checkpoint;
    bool unreadable = false;  ///< something lies there, and can't be read
  };
  Task<Result<KnownCheckpoint>> checkpoint_of(Side side);
  Task<Result<void>> put_checkpoint(Side side, format::Checkpoint checkpoint);

  /// Whether the seal that lies at `seal` of `side` was put for a promotion of the destination
  /// (docs/protocol.md, Whose promotion?). Not if it is gone.
  Task<Result<bool>> promoted_here(Side side, Seq seal);

  /// The lowest of `places` at which nothing is listed. `end`: where the chain ends, about.
  Task<Result<Occupied>> occupied(Side side, ChainPlaces places, Seq end);

  /// `foreign`: says in what the two objects, of the same place, differ.
  [[nodiscard]] Error differ(const format::Header& theirs, const format::Header& ours) const;
  /// `foreign`: the destination has another log.
  [[nodiscard]] Error another_log(const format::Id& there, const format::Id& here) const;

  /// Whether the chain that `ours` saw at the destination is the beginning of the source's. Each header
  /// carries the hash of the one before it, so one object that is the same stands for all before it. Error:
  /// `foreign`, which names the first place that differs.
  Task<Result<void>> check_prefix(LogState theirs, LogState ours);

 private:
  Task<Result<bool>> same_at(Seq seq);
  Task<Result<Seq>> first_difference(LogState theirs, LogState ours);

  std::array<std::string, 2> names_;
};

}  // namespace varve::protocol
