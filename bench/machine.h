// What bounds the other figures: the machine itself.
#pragma once

#include <cstddef>

#include "varve/result.h"

namespace varve::bench {

struct MachineFigures {
  unsigned processors = 0;
  /// From one thread's store to another's load of it: what threads that share a cache line pay for its way
  /// from core to core. 0 with a single processor.
  double handover_ns = 0;
  /// An atomic add that no other thread disturbs.
  double atomic_add_ns = 0;
  double copy_bytes_per_second = 0;   ///< from memory to memory, past the caches
  double crc_bytes_per_second = 0;    ///< CRC-32C of 4 KiB in the cache
  double fresh_bytes_per_second = 0;  ///< pages that this process touches for the first time
};

/// Some seconds, and more if `fresh_bytes` are many: all of them are touched, and then given back. A virtual
/// machine's host may lend memory only when it is touched, and slowly; for a while after, it need not.
Result<MachineFigures> measure_machine(std::size_t fresh_bytes);

}  // namespace varve::bench
