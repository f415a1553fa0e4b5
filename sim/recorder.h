// Writes down what happens to a run's log, a line of JSON for each event, so that the specification can judge
// it: docs/spec/traces.md lists the events. It records; it decides nothing, and knows of nothing that is
// wrong.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/header.h"
#include "protocol/mirroring.h"
#include "protocol/recovery_scan.h"
#include "protocol/takeover.h"
#include "sim/call.h"

namespace varve::sim {

/// Who an event is of: a writer by its writer id's number, any other by a number of its own.
using Client = std::uint64_t;

class Recorder {
 public:
  explicit Recorder(std::function<void(const std::string&)> line) : line_(std::move(line)) {}

  // Between a client and the store. ------------------------------------------------------------------

  void sends(Client by, const Call& call) const;
  /// The store carries a request out. `more`: a listing goes on at a later moment.
  void serves(Client by, const Call& call, bool more) const;
  /// An answer reaches its client.
  void hears(Client by, const Call& call, const protocol::Reply& reply, bool damaged) const;

  // In the store. ------------------------------------------------------------------------------------

  // `there`: in the store that is mirrored to.

  void object_lands(const std::vector<std::byte>& object, bool there) const;
  void checkpoint_lands(const std::vector<std::byte>& checkpoint, bool there) const;
  void deletion_lands(Seq seq, bool there) const;
  void claim_lands(const format::Id& claim) const;
  void revocation_lands(const format::Id& claim) const;
  void claim_goes(const format::Id& claim) const;
  /// A fault: the checkpoint is gone, garbled, or an older one again.
  void checkpoint_becomes(const std::optional<std::vector<std::byte>>& checkpoint, bool there) const;
  /// A fault: an object is gone though nobody deleted it.
  void loses(Seq seq) const;

  // What clients do, and what they are told. ---------------------------------------------------------

  void opens(Client by, protocol::Purpose purpose) const;
  void owns(Client by, const protocol::Ownership& ownership) const;
  /// Headers say from the next object on that the log begins at `before`. `ended`: the log, when it was
  /// scanned.
  void trims(Client by, Offset before, Seq ended) const;
  void acknowledges(Client by, const format::Header& object) const;
  using Fates = std::vector<std::pair<format::Header, WriteOutcome>>;
  void ends(Client by, Code why, const Fates& fates) const;
  void closes(Client by) const;
  /// An opening, a trim or a reading fails.
  void is_told(Client by, Code why, Offset at) const;
  /// A scan of the log begins; and what it found.
  void looks(Client by) const;
  void sees(Client by, const protocol::LogState& state) const;
  void delivers(Client by, const format::Header& object, Offset from) const;

  // Of mirrors. --------------------------------------------------------------------------------------

  void copies_from(Client by, const protocol::MirroringStart& start) const;
  /// It copies this object next, which is on the source's chain for certain.
  void takes(Client by, const format::Header& object) const;
  void copies_no_more(Client by) const;
  /// A promotion's seal has made a log of the mirror. What happens there from now on is not written down.
  void is_promoted() const;

 private:
  void event(std::string_view name, Client by, const std::string& fields) const;

  std::function<void(const std::string&)> line_;
};

}  // namespace varve::sim
