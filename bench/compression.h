// What compressing gives and costs: a corpus appended in one way over one line to the store, flat out and at
// a rate, and read back.
#pragma once

#include <memory>

#include "bench/corpus.h"
#include "bench/figures.h"
#include "bench/load.h"
#include "varve/writer.h"

namespace varve::bench {

struct CompressionTrial {
  std::shared_ptr<Store> store;
  const Corpus* corpus = nullptr;
  WriterOptions writer;
  std::uint32_t producers = 2;
  double seconds = 1;
  std::uint64_t bytes_max = UINT64_MAX;
  double bytes_per_second = 0;  ///< all producers together; 0: flat out
};

struct CompressionFigures {
  std::uint64_t bytes = 0;           ///< of records
  std::uint64_t laid_out_bytes = 0;  ///< as they would be stored uncompressed, but for headers and trailers
  std::uint64_t stored_bytes = 0;    ///< of objects
  double seconds = 0;                ///< to the last acknowledgement
  double cpu_seconds = 0;
  Histogram ack_us;  ///< of every append call

  [[nodiscard]] double bytes_per_second() const { return static_cast<double>(bytes) / seconds; }
  [[nodiscard]] double ratio() const {
    return static_cast<double>(laid_out_bytes) / static_cast<double>(stored_bytes);
  }
};

/// Appends, and reads it back: wrong records are an error, not figures.
Result<CompressionFigures> compress_once(const CompressionTrial& trial, Live& live);

}  // namespace varve::bench
