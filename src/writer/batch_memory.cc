#include "writer/batch_memory.h"

#include <sys/mman.h>

#include <utility>

namespace varve::writer {

BatchMemory::BatchMemory(std::size_t bytes) noexcept {
  bytes = mapped_bytes(bytes);
  void* const mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return;
  data_ = static_cast<std::byte*>(mapped);
  bytes_ = bytes;
}

std::size_t BatchMemory::mapped_bytes(std::size_t bytes) noexcept {
  constexpr std::size_t page_bytes = 4096;
  return (bytes + page_bytes - 1) & ~(page_bytes - 1);
}

BatchMemory::BatchMemory(BatchMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

BatchMemory& BatchMemory::operator=(BatchMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

BatchMemory::~BatchMemory() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

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
