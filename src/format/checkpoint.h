// The checkpoint: a hint, overwritten now and then, that tells an opener where to begin looking.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "format/epochs.h"

namespace varve::format {

struct Checkpoint {
  Id log_id;
  Seq anchor = 0;  ///< a chain object that was stored, with all before it
  std::uint32_t window = 0;
  Seq swept_below = 0;   ///< trimming has deleted everything it may below this seq
  EpochHistory history;  ///< up to and including `anchor`'s epoch

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

[[nodiscard]] std::vector<std::byte> encode_checkpoint(const Checkpoint& checkpoint);

/// Errors: `corruption`, `foreign`, `unsupported`. Callers treat all as "no hint".
Result<Checkpoint> decode_checkpoint(std::span<const std::byte> bytes);

}  // namespace varve::format
