#include "writer/batch_memory.h"

#include <utility>

namespace varve::writer {

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

}  // namespace varve::writer
