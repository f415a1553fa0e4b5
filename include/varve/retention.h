// varve/retention.h - how much of a log is kept: what its readers still need, so long, or so much.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "varve/cursor.h"
#include "varve/result.h"
#include "varve/store.h"
#include "varve/writer.h"

namespace varve {

/// How to treat a cursor that has not moved for a long time.
enum class IdleCursors : std::uint8_t {
  hold,    ///< as much as any other: the log grows until it is moved or removed
  ignore,  ///< nothing, until it is moved again; its owner will be told what it missed
  remove,  ///< it is removed
};

/// What may go. At least one of the first three must be set.
///
/// `max_age_ms` and `max_bytes` are limits: what is beyond either may go. `to_cursors` without a limit
/// lets go of what all cursors are done with, and of nothing while there is none. Whatever is set, **no
/// record goes that a cursor still needs**, but for `idle_cursors`. A cursor that
/// cannot be relied on (`Cursor::problem`) holds everything until it is removed, since nobody knows what it
/// needs.
///
/// Objects go whole, so a little more is kept than the limits say; never less.
struct RetentionPolicy {
  bool to_cursors = false;

  /// Records are kept for so long, by the clocks of their writers. Not 0.
  std::optional<std::uint64_t> max_age_ms = {};

  /// The newest objects of records are kept that have so many bytes together, and the one in which the limit
  /// is reached (seals, small and rare, do not count). Not 0.
  std::optional<std::uint64_t> max_bytes = {};

  IdleCursors idle_cursors = IdleCursors::hold;
  /// How long a cursor stands still before it is idle, by the clocks of its movers. Only with `ignore`
  /// and `remove`. 0: each cursor is; otherwise one that cannot be read never is.
  std::uint64_t idle_after_ms = 0;
};

/// What decides where the log will begin.
enum class RetentionRule : std::uint8_t {
  none,     ///< nothing may go
  cursors,  ///< the lowest cursor is the rule, or it, or one that cannot be relied on, holds back what would
            ///< go
  age,
  size,
};

/// The enumerator's name, as in `--json`.
[[nodiscard]] std::string_view to_string(RetentionRule rule) noexcept;

/// The effect of a policy on a log as it is now.
struct RetentionPlan {
  OffsetRange records;        ///< those in the log
  Offset let_go_below = 0;    ///< by the policy; at most the end
  Offset trim_before = 0;     ///< the same, down to where an object begins; `records.begin`: nothing goes
  std::uint64_t objects = 0;  ///< that go
  std::uint64_t bytes = 0;    ///< of these
  RetentionRule decided_by = RetentionRule::none;
  std::optional<Offset> by_age = {};         ///< what the limit of age alone would let go ends here
  std::optional<Offset> by_size = {};        ///< likewise
  std::optional<Cursor> lowest_cursor = {};  ///< of those that count
  bool held_back = false;  ///< by that cursor, or by those in `untrusted`: the rules would let more go
  std::vector<Cursor> untrusted = {};  ///< those that count and cannot be relied on: they hold everything
  std::vector<Cursor> idle = {};       ///< those that do not count
  bool remove_idle = false;            ///< they are to be removed
  bool writer_has_closed = false;      ///< nobody is fenced by taking the log over

  /// Nothing goes, no cursor is removed.
  [[nodiscard]] bool empty() const noexcept;
};

struct RetentionReport {
  RetentionPlan plan;
  std::vector<std::string> cursors_removed;
  TrimReport trim;  ///< nothing trimmed: the start offset alone
};

struct RetentionOptions {
  /// The present. Unset: by this machine's clock.
  std::optional<std::int64_t> now_unix_ms = {};

  /// `retain` without a writer: take the log over even from a writer that has not closed it.
  bool take_over = false;

  /// How long one request is tried again after errors that may pass. 0: for ever.
  std::uint32_t give_up_ms = 60'000;

  TrimOptions trim = {};
};

/// Finds out which records `policy` lets go, and why. Changes nothing. Reads a few headers and, for sizes,
/// the listing of the log (a LIST per 1000 objects), never its records. Errors: `invalid_argument`, and as
/// `Reader::open` and `Cursors::list`.
Result<RetentionPlan> plan_retention(const LogAddress& log, const RetentionPolicy& policy,
                                     const RetentionOptions& options = {});

/// Plans and does it, in the program that writes the log: `writer` is the writer of `log`. To be called
/// now and then. Errors: as `plan_retention` and `Writer::trim`.
Result<RetentionReport> retain(Writer& writer, const LogAddress& log, const RetentionPolicy& policy,
                               const RetentionOptions& options = {});

/// The same for a log that no program writes now. Where something is to be trimmed, the log is taken
/// over, which would fence its writer: if that has not closed the log, `invalid_argument` says so, unless
/// `RetentionOptions::take_over` allows it. Where nothing is, nobody is disturbed.
Result<RetentionReport> retain(const LogAddress& log, const RetentionPolicy& policy,
                               const RetentionOptions& options = {});

}  // namespace varve
