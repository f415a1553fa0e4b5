// How fast a log is read from its first record to its last.
#pragma once

#include <memory>

#include "bench/figures.h"
#include "bench/load.h"
#include "bench/scratch.h"
#include "varve/reader.h"
#include "varve/writer.h"

namespace varve::bench {

/// A log that was written, verified, and is to be read.
class WrittenLog {
 public:
  static Result<WrittenLog> write(std::shared_ptr<Store> store, const Load& load,
                                  const WriterOptions& options, Live& live);

  /// Reads all of it: every checksum is verified by the reader, the number of records here.
  Result<Figures> read(const ReaderOptions& options, Live& live) const;
  /// Raw parallel GETs of the same objects.
  Result<Figures> get(std::uint32_t in_flight) const;

  [[nodiscard]] const LogAddress& address() const { return scratch_.log(); }
  [[nodiscard]] const Figures& written() const { return written_; }

 private:
  WrittenLog(Scratch scratch, Figures written) : scratch_(std::move(scratch)), written_(std::move(written)) {}
  Scratch scratch_;
  Figures written_;
};

}  // namespace varve::bench
