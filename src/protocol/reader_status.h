// What a reader that found nothing, or nothing fitting, at its place concludes from the log's state.
#pragma once

#include <cstdint>

#include "protocol/position.h"
#include "protocol/recovery_scan.h"

namespace varve::protocol {

/// A look at a log is not one moment: what one look misses the next may see. So whoever finds an object
/// missing, or another than belongs there, calls the log damaged only after so many looks in a row that
/// agree.
inline constexpr std::uint32_t looks_before_damage = 3;

enum class ReaderStatus : std::uint8_t {
  at_tail,     ///< nothing is there yet
  look_again,  ///< there should be something now
  relocate,    ///< its place was trimmed away, its offset was not: find the offset's new place
  trimmed,     ///< its offset is gone: it may go on at `state.start_offset()`
  lost,        ///< the log ends before what was read from it
};
[[nodiscard]] ReaderStatus reader_status(const Position& reader, const LogState& state);

}  // namespace varve::protocol
