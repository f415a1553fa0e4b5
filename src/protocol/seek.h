// Finds where reading begins in a log as it stands now: looks at the log, searches it, and checks that it is
// still the log that was read from. Where a trim outruns it, it begins anew.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/chain_mark.h"
#include "protocol/machine_run.h"
#include "protocol/recovery_scan.h"
#include "protocol/search.h"

namespace varve::protocol {

struct SeekResult {
  LogState state;  ///< in which it was found
  Position at;     ///< of the object that holds the offset (the start: or shortly before), or the tail
  Offset offset = 0;
  std::optional<format::Header> object;  ///< at `at`; none: `at` is the tail
  ChainMatch match = ChainMatch::same;   ///< with the mark: `same` or `untied`

  /// An object of the chain that leads here.
  [[nodiscard]] ChainMark mark() const { return mark_of(object ? *object : state.newest_owned); }
};

class Seek {
 public:
  /// `mark`: what was found must be on the chain that has this object.
  explicit Seek(const SeekTarget& target, const std::optional<ChainMark>& mark = {});

  /// Before `start`: headers of DATA on the chain, from earlier searches.
  void know(std::vector<format::Header> headers) { known_ = std::move(headers); }
  /// Before `start`: the log as it was seen, just now or earlier (`outdated`). It is looked at anew only if
  /// nothing is found in this.
  void search_in(LogState state, bool outdated) {
    state_ = std::move(state);
    outdated_ = outdated;
  }

  Requests start();
  Requests on(const Reply& reply);

  [[nodiscard]] bool done() const { return result_.has_value(); }
  /// Only when done. Errors: `not_found`: there is no log; `out_of_range` with the valid range; `foreign`:
  /// see `parted`; and those of `RecoveryScan` and `Search`. What a trim takes away is no error: it is sought
  /// again for as long as whoever drives this has time.
  [[nodiscard]] const Result<SeekResult>& result() const { return *result_; }
  /// Why the log is not, or not any more, the mark's: only if that is the error.
  [[nodiscard]] std::optional<ChainMatch> parted() const { return parted_; }
  /// How often the log was looked at.
  [[nodiscard]] std::uint32_t looks() const { return looks_; }
  /// The headers that the last search went by.
  [[nodiscard]] const std::vector<format::Header>& seen() const { return known_; }

 private:
  Requests look();
  Requests on_state();
  Requests search();
  Requests on_searched();
  [[nodiscard]] Error beyond_tail(const Error& error) const;
  bool is_lost();
  [[nodiscard]] Error loss() const;
  Requests check();
  Requests on_checked(ChainMatch match);
  Requests fail(Error error);

  using Scan = MachineRun<RecoveryScan>;
  using Searching = MachineRun<Search>;
  using Checking = MachineRun<ChainCheck>;

  SeekTarget target_;
  std::optional<ChainMark> mark_;
  std::vector<format::Header> known_;
  std::optional<LogState> state_;
  std::variant<std::monostate, Scan, Searching, Checking> stage_;
  SeekResult found_;
  format::EpochHistory history_;  // of `state_`, as far back as the search needed it
  std::optional<Error> missed_;   // what the last search in vain said
  std::optional<Seq> missing_;    // of which object, if it named one
  std::uint32_t misses_ = 0;      // such searches in a row that a look has confirmed
  bool outdated_ = false;
  std::uint32_t looks_ = 0;
  std::optional<ChainMatch> parted_;
  std::optional<Result<SeekResult>> result_;
};

/// What a reader is told whose mark is not on the log's chain any more. `offset`: the next one it wants.
[[nodiscard]] Error parted_error(ChainMatch match, Offset offset, const LogState& state);

}  // namespace varve::protocol
