// Who is measured: ways to append that differ in what they promise, under the same load.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

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
};

/// Varve's writer on `log`.
Result<std::unique_ptr<Contestant>> make_varve(const LogAddress& log, const WriterOptions& options);
/// How many uploads of one of these may be under way.
inline std::uint32_t uploads_at_once(const WriterOptions& options) {
  return options.uploads_max != 0 ? std::min(options.uploads_max, options.window) : options.window;
}

/// The same writer without order: each upload is acknowledged when it lands, and another takes its
/// place at once, so that as many as may be are under way whatever becomes of one. What it stores is a log.
Result<std::unique_ptr<Contestant>> make_unordered(const LogAddress& log, const WriterOptions& options);
/// Claim, copy, CRC into a buffer: no order, no upload, no callbacks. The speed of light here.
std::unique_ptr<Contestant> make_bare(const WriterOptions& options);
/// The textbook: a locked buffer, uploads by one more thread, the same object sizes and window.
/// Stores plain objects under `log.path + "-mutex"`, not a log.
std::unique_ptr<Contestant> make_mutex(const LogAddress& log, const WriterOptions& options);

}  // namespace varve::bench
