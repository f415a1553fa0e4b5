// Finds the object that holds one record, and judges what to make of it when that object turns out not to be
// what was expected.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/chain_mark.h"
#include "protocol/machine_run.h"
#include "protocol/reader_status.h"
#include "protocol/seek.h"

namespace varve::protocol {

class PointWalk {
 public:
  explicit PointWalk(Offset offset) : offset_(offset) {}

  /// Searches the log as it was seen earlier, going by headers that are known.
  Requests start_in(LogState state, std::vector<format::Header> known);
  /// Looks at the log anew. `mark`: an object of the chain that earlier records were read from.
  Requests start(const ChainMark& mark);
  Requests on(const Reply& reply);

  [[nodiscard]] bool done() const { return seeking_->over(); }
  /// Only when done: the record's object. Errors: as `Seek`.
  [[nodiscard]] const Result<SeekResult>& found() const { return (*seeking_)->result(); }
  [[nodiscard]] const Seek& seek() const { return **seeking_; }

  /// The object's record could not be read: may another look help? Where what was known is outdated, or a
  /// trim came between, it does.
  [[nodiscard]] bool may_pass(const Error& error);

 private:
  Requests begin(Seek machine);

  Offset offset_;
  std::optional<MachineRun<Seek>> seeking_;
  std::uint32_t fresh_looks_ = 0;  // that led to an object which could not be read
};

}  // namespace varve::protocol
