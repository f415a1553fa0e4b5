// How far a reader that follows the log is behind its writer.
#pragma once

#include <memory>

#include "bench/figures.h"
#include "bench/load.h"
#include "varve/reader.h"
#include "varve/writer.h"

namespace varve::bench {

struct TailTrial {
  std::shared_ptr<Store> store;
  Load load;  ///< one producer's, at a rate
  WriterOptions writer;
  std::uint32_t poll_ms = 100;
  bool wake = true;  ///< the writer wakes the reader; else it finds out by polling
};

struct TailFigures {
  std::uint64_t records = 0;
  Histogram append_to_read_us;  ///< end to end
  Histogram append_to_ack_us;
  Histogram ack_to_read_us;  ///< 0 where the reader was first
  Histogram get_us;          ///< one GET of an object, asked for by itself
  StoreUse use;              ///< writer's and reader's
};

/// Appends at the load's rate while a reader follows; every record must reach it, as it was appended.
Result<TailFigures> tail_once(const TailTrial& trial, Live& live);

}  // namespace varve::bench
