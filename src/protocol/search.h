// Finds one object of the chain: the one that holds an offset, or the first one made at or after a moment.
//
// Between two seals the chain's seqs are consecutive, so the DATA objects of all epochs form one row. The
// search looks for the first object of the row that does not end before the target, several probes at a
// time, in a logarithmic number of round trips. Where the target is an offset, the history of epochs tells
// the epoch beforehand.
//
// Moments go by the writers' clocks, as the headers have them. Where a clock stepped back, from one writer to
// the next perhaps, several places of the row qualify, and one of them is found.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "protocol/recovery_scan.h"

namespace varve::protocol {

/// Where to begin, in one way at most; in none: at the log's start.
struct SeekTarget {
  std::optional<Offset> offset = {};               ///< the end offset gives the tail
  std::optional<std::int64_t> since_unix_ms = {};  ///< the first object made then or later; none: the tail
  std::optional<std::uint64_t> last = {};          ///< so many records before the end, if there are so many
  /// Only the object that holds the offset will do. Else the lowest live object is found for the log's
  /// start, with one request, though objects without records may follow it.
  bool exact = false;
};

/// What a search found.
struct SearchResult {
  Position at;                           ///< of the object, or the tail
  Offset offset = 0;                     ///< of the first record wanted
  std::optional<format::Header> object;  ///< the object's; none: `at` is the tail
};

/// An object is gone or damaged, and no more than that: one may go on beside it.
[[nodiscard]] bool is_lost(const Error& error);

class Search {
 public:
  /// `state` with history.
  Search(const LogState& state, const SeekTarget& target);

  /// Before `start`: the header of a DATA object on the chain, from an earlier search. It narrows this one.
  void know(const format::Header& header) { seen_.insert_or_assign(header.seq, header); }

  Requests start();
  Requests on(const Reply& reply);

  [[nodiscard]] bool done() const { return result_.has_value(); }
  /// Only when done. Errors: `out_of_range` with the valid range; `not_found`: an object that may be the one
  /// went away meanwhile (see `missing`); `corruption`; `foreign`. Objects that are lost elsewhere do not
  /// keep it from being found.
  [[nodiscard]] const Result<SearchResult>& result() const { return *result_; }
  /// Only when done with an error about an object: its place.
  [[nodiscard]] std::optional<Seq> missing() const { return missing_; }
  /// The headers that the search went by; when it found an object, that object's among them.
  [[nodiscard]] const std::map<Seq, format::Header>& seen() const { return seen_; }
  /// The state's history, with what older seals were found to know.
  [[nodiscard]] const format::EpochHistory& history() const { return history_; }

 private:
  /// Consecutive seqs of DATA, from a place in the row on.
  struct Run {
    std::uint64_t place;
    Seq first;
    std::uint64_t objects;
  };

  Requests lay_out();
  [[nodiscard]] bool history_reaches_target() const;
  Requests lay_out_epoch();
  Requests lay_out_all();
  void add_run(Seq first, Seq end);
  Requests on_first_object(const Reply& reply);
  Requests on_older_seals(const Reply& reply);
  Requests on_probe(const Reply& reply);
  void narrow();
  Requests probe();
  Requests finish();
  Requests finish_at_end();
  Requests found(const format::Header& object);
  Requests fail(Error error, std::optional<Seq> missing = {});

  [[nodiscard]] bool is_before(const format::Header& object) const;
  [[nodiscard]] bool holds(const format::Header& object) const;
  [[nodiscard]] std::uint64_t places() const;
  [[nodiscard]] Seq seq_at(std::uint64_t place) const;
  [[nodiscard]] std::optional<std::uint64_t> place_of(Seq seq) const;

  SeekTarget target_;
  OffsetRange valid_;
  Offset offset_ = 0;  // wanted, unless a moment is
  Position tail_;
  Seq lowest_live_;
  Seq newest_;
  format::EpochHistory history_;
  std::vector<Run> row_;
  // What is below `low_` ends before the target; what is at `high_` or behind does not.
  std::uint64_t low_ = 0;
  std::uint64_t high_ = 0;
  std::map<Seq, format::Header> seen_;
  std::map<std::uint64_t, Error> holes_;  // by place: looked for and not there, or damaged
  std::size_t outstanding_ = 0;
  std::optional<Seq> missing_;
  std::optional<Result<SearchResult>> result_;
};

}  // namespace varve::protocol
