// The epochs of a log as seals and checkpoints carry them: the map across the voids.
#pragma once

#include <cstdint>
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

}  // namespace varve::format
