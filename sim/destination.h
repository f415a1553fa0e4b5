// Where a mirror is kept: a store of its own, and the truth about it. While it is a mirror, all that may lie
// there is copies of the source's chain; from the seal of its promotion on, it is a log like any other, with
// an oracle of its own that goes on where the copies end.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/oracle.h"
#include "testing/test_log.h"

namespace varve::sim {

class Destination {
 public:
  /// The source's chain is `source`'s, and goes on.
  Destination(Oracle& source, bool keeps) : source_(source), keeps_(keeps) {}

  protocol::TestLog log;
  std::vector<std::vector<std::byte>> old_checkpoints;

  /// What the source stores, first in its place.
  void original(Seq seq, const std::vector<std::byte>& object) { originals_.emplace(seq, object); }

  void stored(Seq seq, const std::vector<std::byte>& object);
  void checkpointed(const std::vector<std::byte>& bytes);
  void removing(Seq seq, const std::vector<std::byte>& object);

  /// A log of its own: its seal is stored.
  [[nodiscard]] bool promoted() const { return oracle_.has_value(); }
  [[nodiscard]] Oracle& oracle() { return *oracle_; }
  [[nodiscard]] const Oracle& oracle() const { return *oracle_; }

  /// Nothing at the moment says that it is a mirror, and of what epoch: no checkpoint, a late one, or no
  /// record.
  [[nodiscard]] bool vague() const;
  /// What a survey sees now must be so.
  void check();
  /// A mirror says that all up to `anchor` is stored.
  void check_copied(Seq begins, Seq anchor);
  /// A mirror began, or was begun anew, beyond a place at which a promotion has sealed: the promotion went by
  /// an older checkpoint that came late (docs/protocol.md, The start), and loses what it said. Nothing more
  /// can be said of such a run.
  [[nodiscard]] bool begun_late() const { return begun_late_; }
  /// Was it ever stored here? (Older seals were not where it began with a later epoch.)
  [[nodiscard]] bool ever(Seq seq) const { return ever_.contains(seq); }

 private:
  void promote(const format::Header& seal, const std::vector<std::byte>& object);
  void check_says_mirror();
  void check_leaves_enough(const format::Header& header);
  /// The lowest place of the chain from `from` on that was never stored.
  [[nodiscard]] Seq hole_from(Seq from) const;
  void violated(std::string what) { source_.violated("the mirror: " + std::move(what)); }

  Oracle& source_;
  bool keeps_;  // what the source trims away
  std::map<Seq, std::vector<std::byte>> originals_;
  std::set<Seq> ever_;
  bool begun_late_ = false;
  bool promoted_below_beginning_ = false;
  std::set<Seq> about_to_begin_;  // so first checkpoints say, before anything was copied
  Seq trimmed_below_ = 0;         // as copies say, or where a mirror began
  Seq begins_ = 0;                // and that alone
  Seq said_ = 0;                  // the highest anchor that a checkpoint has named
  std::optional<Oracle> oracle_;
};

}  // namespace varve::sim
