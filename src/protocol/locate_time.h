// Finds the first object made at or after a moment. Between two seals the chain's seqs are consecutive,
// so the objects of all epochs form one row that can be searched, several probes at a time, in a
// logarithmic number of round trips.
//
// Goes by the writers' clocks, as the headers have them. Where a clock stepped back, from one writer to
// the next perhaps, several places of the row qualify, and one of them is found.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "protocol/recovery_scan.h"

namespace varve::protocol {

class LocateTime {
 public:
  /// `view` with history. The first object wanted has `created_unix_ms` >= `since_unix_ms`.
  LocateTime(const LogState& view, std::int64_t since_unix_ms);

  Requests start();
  Requests on(const Reply& reply);

  [[nodiscard]] bool done() const { return result_.has_value(); }
  /// Only when done: the object's place; the tail if none was made so late. Errors: `not_found`: an
  /// object that may be the one went away meanwhile (trimmed?), survey again; `corruption`. Objects that
  /// are lost elsewhere do not keep it from being found.
  [[nodiscard]] const Result<Position>& result() const { return *result_; }

 private:
  /// Consecutive seqs of DATA.
  struct Run {
    Seq first;
    std::uint64_t objects;
  };

  Requests lay_out();
  Requests on_older_seals(const Reply& reply);
  Requests on_probe(const Reply& reply);
  void narrow();
  Requests probe();
  Requests finish();
  Requests fail(Error error);
  [[nodiscard]] Seq seq_at(std::uint64_t place) const;

  Position tail_;
  Seq lowest_live_;
  Seq newest_;
  std::int64_t since_unix_ms_;
  format::EpochHistory history_;
  std::vector<Run> runs_;
  // Places in the row of all runs: what is below low_ was made before, what is at high_ or behind was not.
  std::uint64_t low_ = 0;
  std::uint64_t high_ = 0;
  std::map<Seq, std::uint64_t> asked_;              // their places
  std::map<std::uint64_t, format::Header> probed_;  // by place
  std::map<std::uint64_t, Error> holes_;            // by place; probed, and not there, or damaged
  std::size_t outstanding_ = 0;
  std::optional<Position> at_high_;
  std::optional<Result<Position>> result_;
};

}  // namespace varve::protocol
