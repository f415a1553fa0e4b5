// The checkpoint: a hint, overwritten now and then, that tells an opener where to begin looking.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/epochs.h"

namespace varve::format {

/// In the checkpoint of a log that is a mirror of another: what of it is known to be copied is the
/// checkpoint's anchor and all before it, in the anchor's epoch.
struct MirrorState {
  Seq begins_seq = 0;        ///< the first object that was copied, or has not been swept since
  Offset begins_offset = 0;  ///< the first record that can be read
  bool keeps = false;        ///< begins there whatever the source trims
  Offset copied_offset = 0;  ///< the next record's, behind the anchor
  Offset source_end = 0;     ///< the source's end offset when it was seen last
  std::int64_t source_seen_unix_ms = 0;
  std::string source;  ///< its name, for people; without secrets

  friend bool operator==(const MirrorState&, const MirrorState&) = default;
};

/// The longest name of a source that is kept, in bytes.
inline constexpr std::size_t max_source_bytes = 1024;

struct Checkpoint {
  Id log_id;
  Seq anchor = 0;  ///< a chain object that was stored, with all before it
  std::uint32_t window = 0;
  Seq swept_below = 0;   ///< trimming has deleted everything it may below this seq
  EpochHistory history;  ///< up to and including `anchor`'s epoch
  std::optional<MirrorState> mirror = {};

  /// A mirror's first checkpoint is put before its first record: its anchor is about to be copied.
  [[nodiscard]] bool nothing_copied() const {
    return mirror && anchor == mirror->begins_seq && mirror->copied_offset == mirror->begins_offset;
  }

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

/// A longer name of a source is cut short.
[[nodiscard]] std::vector<std::byte> encode_checkpoint(const Checkpoint& checkpoint);

/// Errors: `corruption`, `foreign`, `unsupported`. Callers treat all as "no hint".
Result<Checkpoint> decode_checkpoint(std::span<const std::byte> bytes);

}  // namespace varve::format
