// The names of a log's objects in the store.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "format/header.h"

namespace varve::format {

/// "<log>/wal/": what every object of the chain is listed under.
[[nodiscard]] std::string wal_prefix(std::string_view log_path);

/// "<log>/wal/<seq, 20 digits>": names sort as their seqs do.
[[nodiscard]] std::string wal_key(std::string_view log_path, Seq seq);

/// The seq in `key`; nothing if `key` is not exactly what `wal_key` makes for this log.
[[nodiscard]] std::optional<Seq> seq_of_key(std::string_view log_path, std::string_view key);

/// "<log>/checkpoint".
[[nodiscard]] std::string checkpoint_key(std::string_view log_path);

/// "<log>/promotions/<id, 32 hex digits>": a seal whose writer id that is was put for a promotion of this
/// place.
[[nodiscard]] std::string promotion_key(std::string_view log_path, const Id& id);
/// "<log>/promotions/": below it, all of these.
[[nodiscard]] std::string promotions_prefix(std::string_view log_path);
/// Whether `key` is what `promotion_key` makes for this log.
[[nodiscard]] bool is_promotion_key(std::string_view log_path, std::string_view key);

/// "<log>/claims/": below it, all claims.
[[nodiscard]] std::string claims_prefix(std::string_view log_path);
/// "<log>/claims/<id, 32 hex digits>": somebody takes the log over.
[[nodiscard]] std::string claim_key(std::string_view log_path, const Id& id);
/// "<log>/claims/<id, 32 hex digits>.revoked": a sweep went on without regard to that claim.
[[nodiscard]] std::string revoked_key(std::string_view log_path, const Id& id);

struct ClaimKey {
  Id id;
  bool revoked = false;
};
/// The inverse of both. Nothing for a key that no claim has.
[[nodiscard]] std::optional<ClaimKey> parse_claim_key(std::string_view log_path, std::string_view key);

inline constexpr std::size_t max_cursor_name = 128;

/// 1 to 128 of letters, digits, '-', '_' and '.', not beginning with '.'.
[[nodiscard]] bool is_cursor_name(std::string_view name);

/// "<log>/cursors/": below it, all cursors' objects.
[[nodiscard]] std::string cursors_prefix(std::string_view log_path);
/// "<log>/cursors/<name>/": below it, one cursor's.
[[nodiscard]] std::string cursor_prefix(std::string_view log_path, std::string_view name);
/// "<log>/cursors/<name>/<revision>", the revision with 20 digits.
[[nodiscard]] std::string cursor_key(std::string_view log_path, std::string_view name,
                                     std::uint64_t revision);

/// No mover comes so far: names of higher revisions are no cursor's.
inline constexpr std::uint64_t max_cursor_revision = std::uint64_t{1} << 62;

struct CursorKey {
  std::string name;
  std::uint64_t revision = 0;
};
/// The inverse. Nothing for a key that no cursor has.
[[nodiscard]] std::optional<CursorKey> parse_cursor_key(std::string_view log_path, std::string_view key);

}  // namespace varve::format
