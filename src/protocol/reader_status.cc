#include "protocol/reader_status.h"

#include <algorithm>

#include "base/mutant.h"

namespace varve::protocol {

ReaderStatus reader_status(const Position& reader, const LogState& state) {
  if (reader.offset < state.start_offset()) return ReaderStatus::trimmed;
  if (reader.offset > state.tail.offset) return ReaderStatus::lost;
  const Position& tail = state.tail;
  if (reader.seq == tail.seq && reader.epoch == tail.epoch && reader.offset == tail.offset) {
    return ReaderStatus::at_tail;
  }
  // Where the log is trimmed away, a claimant that slept may have put a seal, and the reader passed it:
  // what it expects now says nothing about the log.
  const bool after_seal = reader.seq == reader.epoch + reader.window;
  const Seq passed = after_seal ? reader.epoch : reader.seq - std::min<Seq>(reader.seq, 1);
  if (passed < state.lowest_live() &&
      !(mutated(Mutant::misled_reader_stays) && reader.seq >= state.lowest_live()))
    return ReaderStatus::relocate;
  if (reader.seq < tail.seq) return ReaderStatus::look_again;
  return ReaderStatus::relocate;  // it followed something that the chain does not: find the way back
}

}  // namespace varve::protocol
