#include "append/batching/batch_memory.h"

#include <utility>

namespace varve::append {

BatchMemory MemoryStock::take(std::size_t bytes) {
  if (bytes == usual_bytes_ && !kept_.empty()) {
    BatchMemory memory = std::move(kept_.back());
    kept_.pop_back();
    return memory;
  }
  const std::size_t mapped = BatchMemory::mapped_bytes(bytes);
  while (!kept_.empty() && bytes_ + mapped > bytes_max_) {
    bytes_ -= kept_.back().bytes();
    kept_.pop_back();
  }
  if (bytes_ + mapped > bytes_max_) return {};
  BatchMemory memory(bytes);
  // A small batch touches little of both ends, records from the front and slots from the back, and
  // should not make more resident. One that goes beyond that fills its middle.
  constexpr std::size_t small = std::size_t{2} << 20;
  if (memory.bytes() > 2 * small) memory.advise_huge_pages(small, memory.bytes() - small);
  bytes_ += memory.bytes();
  return memory;
}

BatchMemory MemoryStock::give_back(BatchMemory memory) {
  if (memory.bytes() == BatchMemory::mapped_bytes(usual_bytes_)) {
    kept_.push_back(std::move(memory));
    return {};
  }
  bytes_ -= memory.bytes();
  return memory;
}

}  // namespace varve::append
