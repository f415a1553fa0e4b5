// The epochs of a log as seals and checkpoints carry them: the map across the voids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "format/header.h"

namespace varve::format {

/// One seal on the chain. Its epoch's objects begin at `seal + W`.
struct EpochEntry {
  Seq seal = 0;
  Offset first_offset = 0;  ///< the next record's offset when the seal was reached
  std::uint32_t flags = 0;  ///< of the seal: `flag::ahead`, `flag::fences_nobody`

  friend bool operator==(const EpochEntry&, const EpochEntry&) = default;
};

/// Seals on the chain, oldest first. At most `max_epochs`: older ones are found in the body of the
/// oldest one listed.
using EpochHistory = std::vector<EpochEntry>;

inline constexpr std::size_t max_epochs = 1024;

class FieldReader;
class FieldWriter;

/// What of `history` is stored: its newest `max_epochs`.
[[nodiscard]] std::span<const EpochEntry> newest(const EpochHistory& history);

// As seals and checkpoints store it: u32 count, then for each u64 seal, u64 first offset, u32 flags.
[[nodiscard]] constexpr std::size_t history_bytes(std::size_t epochs) { return 4 + epochs * 20; }
void write_history(FieldWriter& fields, std::span<const EpochEntry> history);
/// Nothing is promised of the result when `fields` ran out.
EpochHistory read_history(FieldReader& fields);

/// The rule that a history which ends below `end` breaks, as text; empty for a possible one.
[[nodiscard]] std::string_view broken_rule(std::span<const EpochEntry> history, std::uint32_t window,
                                           Seq end);

}  // namespace varve::format
