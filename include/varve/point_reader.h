// varve/point_reader.h - single records by offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "varve/metrics.h"
#include "varve/reader.h"
#include "varve/result.h"
#include "varve/store.h"

namespace varve {

struct PointReaderOptions {
  /// Maximum memory for headers and indexes. An object whose records are read takes some 500 bytes, and 8 for
  /// each 64 KiB of records and for each block. An object that a search passed takes 400. 0: no cache.
  std::size_t cache_bytes = std::size_t{4} << 20;

  /// How long `open`, or one `read`, asks the store again while that fails in ways that may pass. 0: for
  /// ever.
  std::uint32_t give_up_ms = 60'000;
};

/// A record and what keeps its bytes alive.
struct OwnedRecord : Record {
  std::shared_ptr<const void> owner;
};

/// Reads single records, anywhere in a log, without fetching the objects they lie in. For records in a row
/// `Reader` is the right one.
///
/// What a read costs: one GET of at most 64 KiB and one record (and 256 bytes), where the record's object is
/// known from an earlier read. If the record lies behind the object's first 64 KiB, these 256 bytes are a GET
/// of their own, at the same time: they tell that the object is still the same. Every 10 s one more, of 256
/// bytes, to see that it is still the same log. Else the object is searched for: one GET of 256 bytes in each
/// of log9(objects in the epoch) round trips, eight side by side; then one GET for its index, if it is longer
/// than 64 KiB, or compressed. Of a compressed object the blocks that hold these bytes are fetched instead:
/// mostly one, of 256 KiB before it was compressed. What a search saw is kept, so that the next one is
/// shorter. Offsets beyond the end as last seen look at the log anew, as `open` does: three or four round
/// trips.
///
/// Thread-safe; reads of several threads go on side by side.
class PointReader {
 public:
  /// Errors: as `Reader::open`.
  static Result<std::unique_ptr<PointReader>> open(LogAddress log, PointReaderOptions options = {});

  ~PointReader();
  PointReader(const PointReader&) = delete;
  PointReader& operator=(const PointReader&) = delete;

  /// The record at `offset`; its checksum holds. Errors: `out_of_range` (trimmed, perhaps just now, or not
  /// there yet; carries the valid range), `corruption` (names the object), `foreign` (another log stands here
  /// by now, or this one was put back to an older state and written on; from then on for every record),
  /// `unsupported`, `denied`, `unavailable`.
  Result<OwnedRecord> read(Offset offset);

  /// What it has done so far, as `varve/metrics.h` explains.
  [[nodiscard]] PointReaderMetrics metrics() const;

 private:
  class Impl;
  explicit PointReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace varve
