// Who is measured: ways to append that differ in what they promise, under the same load.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/histogram.h"
#include "bench/load.h"
#include "varve/store.h"
#include "varve/writer.h"

namespace varve::bench {

/// One way to append. `append` is called by many threads; `told` must be called once for each call,
/// in order where the way promises that.
class Contestant {
 public:
  Contestant() = default;
  Contestant(const Contestant&) = delete;
  Contestant& operator=(const Contestant&) = delete;
  virtual ~Contestant() = default;

  /// Appends `records`, waiting for room if need be. `reserve`: one record, written in place.
  virtual Result<void> append(std::span<const std::span<const std::byte>> records, bool reserve,
                              AppendCallback told) = 0;
  /// Waits until all was told.
  virtual Result<void> finish() = 0;
  /// Where the records can be read back; null for one that stores nothing.
  [[nodiscard]] virtual const LogAddress* log() const = 0;
};

/// Varve's writer on `log`.
Result<std::unique_ptr<Contestant>> make_varve(const LogAddress& log, const WriterOptions& options);
/// Claim, copy, CRC into a buffer: no order, no upload, no callbacks. The speed of light here.
std::unique_ptr<Contestant> make_bare(const WriterOptions& options);
/// The textbook: a locked buffer, uploads by one more thread, the same object sizes and window.
/// Stores plain objects, not a log.
std::unique_ptr<Contestant> make_mutex(const LogAddress& log, const WriterOptions& options);

/// What one run of a load gave.
struct Figures {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;                   ///< from the first append to the last acknowledgement
  double cpu_seconds = 0;               ///< of the whole process
  Histogram ack_us;                     ///< of every 64th append, or of all when the rate is limited
  std::vector<std::uint64_t> appended;  ///< by producer

  [[nodiscard]] double records_per_second() const { return static_cast<double>(records) / seconds; }
  [[nodiscard]] double bytes_per_second() const { return static_cast<double>(bytes) / seconds; }
};

/// Puts `load` on `contestant` until its time is over, and finishes it.
Result<Figures> run(Contestant& contestant, const Load& load);

}  // namespace varve::bench
