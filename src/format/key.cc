#include "format/key.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace varve::format {
namespace {

// All of a u64: the largest is 18446744073709551615.
constexpr std::size_t number_digits = 20;

constexpr std::string_view revoked_suffix = ".revoked";

bool is_name_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.';
}

std::string number_in_key(std::uint64_t number) { return fmt::format("{:0{}}", number, number_digits); }

std::optional<std::uint64_t> parse_number_in_key(std::string_view digits) {
  if (digits.size() != number_digits) return std::nullopt;
  // Takes digits only (no sign, no space) for an unsigned type, and notices an overflow.
  std::uint64_t number = 0;
  const auto [stopped, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failure != std::errc() || stopped != digits.data() + digits.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string wal_prefix(std::string_view log_path) { return fmt::format("{}/wal/", log_path); }

std::string wal_key(std::string_view log_path, Seq seq) { return wal_prefix(log_path) + number_in_key(seq); }

std::optional<Seq> seq_of_key(std::string_view log_path, std::string_view key) {
  const std::string prefix = wal_prefix(log_path);
  if (!key.starts_with(prefix)) return std::nullopt;
  return parse_number_in_key(key.substr(prefix.size()));
}

std::string checkpoint_key(std::string_view log_path) { return fmt::format("{}/checkpoint", log_path); }

std::string promotions_prefix(std::string_view log_path) { return fmt::format("{}/promotions/", log_path); }

std::string promotion_key(std::string_view log_path, const Id& id) {
  return fmt::format("{}/promotions/{}", log_path, to_hex(id));
}

namespace {

/// Whether `text` is what `to_hex` makes of an id.
bool is_id_text(std::string_view text) {
  return text.size() == 2 * Id().bytes.size() &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

bool is_promotion_key(std::string_view log_path, std::string_view key) {
  const std::string any = promotion_key(log_path, {});
  const std::size_t digits = any.size() - 2 * Id().bytes.size();
  return key.starts_with(std::string_view(any).substr(0, digits)) && is_id_text(key.substr(digits));
}

std::string claims_prefix(std::string_view log_path) { return fmt::format("{}/claims/", log_path); }

std::string claim_key(std::string_view log_path, const Id& id) {
  return claims_prefix(log_path) + to_hex(id);
}

std::string revoked_key(std::string_view log_path, const Id& id) {
  return claim_key(log_path, id) + std::string(revoked_suffix);
}

std::optional<ClaimKey> parse_claim_key(std::string_view log_path, std::string_view key) {
  const std::string prefix = claims_prefix(log_path);
  if (!key.starts_with(prefix)) return std::nullopt;
  key.remove_prefix(prefix.size());
  ClaimKey claim;
  claim.revoked = key.ends_with(revoked_suffix);
  if (claim.revoked) key.remove_suffix(revoked_suffix.size());
  if (!is_id_text(key)) return std::nullopt;
  for (std::size_t i = 0; i < claim.id.bytes.size(); ++i) {
    std::from_chars(key.data() + 2 * i, key.data() + 2 * i + 2, claim.id.bytes[i], 16);
  }
  return claim;
}

bool is_cursor_name(std::string_view name) {
  return !name.empty() && name.size() <= max_cursor_name && name.front() != '.' &&
         std::ranges::all_of(name, is_name_letter);
}

std::string cursors_prefix(std::string_view log_path) { return fmt::format("{}/cursors/", log_path); }

std::string cursor_prefix(std::string_view log_path, std::string_view name) {
  return fmt::format("{}/cursors/{}/", log_path, name);
}

std::string cursor_key(std::string_view log_path, std::string_view name, std::uint64_t revision) {
  return cursor_prefix(log_path, name) + number_in_key(revision);
}

std::optional<CursorKey> parse_cursor_key(std::string_view log_path, std::string_view key) {
  const std::string prefix = cursors_prefix(log_path);
  if (!key.starts_with(prefix)) return std::nullopt;
  key.remove_prefix(prefix.size());
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos || !is_cursor_name(key.substr(0, slash))) return std::nullopt;
  const auto revision = parse_number_in_key(key.substr(slash + 1));
  if (!revision || *revision > max_cursor_revision) return std::nullopt;
  return CursorKey{std::string(key.substr(0, slash)), *revision};
}

}  // namespace varve::format
