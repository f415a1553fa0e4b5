// Finds the object that holds an offset: by epoch from the seals' history, then by searching the
// epoch's consecutive seqs, several probes at a time, so in a logarithmic number of round trips.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "protocol/recovery_scan.h"

namespace varve::protocol {

class Locate {
 public:
  /// `view` with history. `target`: the offset wanted; the end offset gives the tail.
  Locate(const LogState& view, Offset target);

  /// Before `start`: the header of a DATA object on the chain, from an earlier search. It narrows this one.
  void know(const format::Header& header) { probed_.insert_or_assign(header.seq, header); }

  Requests start();
  Requests on(const Reply& reply);

  [[nodiscard]] bool done() const { return result_.has_value(); }
  /// Only when done: the place of the object that holds the target. Errors: `out_of_range` with the
  /// valid range; `not_found`: an object that may hold it went away meanwhile (trimmed?), survey again;
  /// `corruption`. Objects that are lost elsewhere do not keep it from being found.
  [[nodiscard]] const Result<Position>& result() const { return *result_; }
  /// The headers that the search went by; when it found a record's place, that object's among them.
  [[nodiscard]] const std::map<Seq, format::Header>& seen() const { return probed_; }

 private:
  Requests choose_epoch();
  Requests on_older_seals(const Reply& reply);
  Requests on_probe(const Reply& reply);
  void narrow();
  Requests probe();
  Requests finish();
  Requests fail(Error error);

  OffsetRange valid_;
  Position tail_;
  Seq lowest_live_;
  Seq newest_;
  Offset target_;
  format::EpochHistory history_;
  Seq low_ = 0;   // its first offset is <= target
  Seq high_ = 0;  // the last one of the epoch that may be
  std::map<Seq, format::Header> probed_;
  std::map<Seq, Error> holes_;  // probed, and not there, or damaged
  std::size_t outstanding_ = 0;
  std::optional<Result<Position>> result_;
};

/// What a reader that found nothing, or nothing fitting, at its place is to make of it.
enum class ReaderStatus : std::uint8_t {
  at_tail,     ///< nothing is there yet
  look_again,  ///< there should be something now
  relocate,    ///< its place was trimmed away, its offset was not: find the offset's new place
  trimmed,     ///< its offset is gone: it may go on at `view.start_offset()`
  lost,        ///< what it had reached is not in the log any more
};
[[nodiscard]] ReaderStatus reader_status(const Position& reader, const LogState& view);

}  // namespace varve::protocol
