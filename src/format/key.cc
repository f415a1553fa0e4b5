#include "format/key.h"

#include <fmt/format.h>

#include <charconv>

namespace varve::format {
namespace {

// All of a u64: the largest is 18446744073709551615.
constexpr std::size_t seq_digits = 20;

}  // namespace

std::string wal_prefix(std::string_view log_path) { return fmt::format("{}/wal/", log_path); }

std::string wal_key(std::string_view log_path, Seq seq) {
  return fmt::format("{}/wal/{:0{}}", log_path, seq, seq_digits);
}

std::optional<Seq> seq_of_key(std::string_view log_path, std::string_view key) {
  const std::string prefix = wal_prefix(log_path);
  if (!key.starts_with(prefix)) return std::nullopt;
  const std::string_view digits = key.substr(prefix.size());
  if (digits.size() != seq_digits) return std::nullopt;

  // Takes digits only (no sign, no space) for an unsigned type, and notices an overflow.
  Seq seq = 0;
  const auto [stopped, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), seq);
  if (failure != std::errc() || stopped != digits.data() + digits.size()) return std::nullopt;
  return seq;
}

std::string checkpoint_key(std::string_view log_path) { return fmt::format("{}/checkpoint", log_path); }

}  // namespace varve::format
