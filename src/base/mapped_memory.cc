#include "base/mapped_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <new>
#include <utility>

#include "base/invariant.h"

namespace varve::object_store {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t huge_page_bytes = std::size_t{2} << 20;

// What malloc would take from the system and give back to it each time; below, it keeps them itself.
constexpr std::size_t in_line_bytes_min = std::size_t{64} << 10;

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

// A huge page needs an address that is a multiple of its size: map more, give the ends back.
std::byte* map_aligned(std::size_t bytes) {
  void* const mapped = mmap(nullptr, bytes + huge_page_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(mapped);
  const auto address = reinterpret_cast<std::uintptr_t>(mapped);
  const std::size_t before = round_up(address, huge_page_bytes) - address;
  if (before > 0) munmap(begin, before);
  if (before < huge_page_bytes) munmap(begin + before + bytes, huge_page_bytes - before);
  return begin + before;
}

std::byte* map(std::size_t bytes) {
  void* const mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mapped == MAP_FAILED ? nullptr : static_cast<std::byte*>(mapped);
}

}  // namespace

MappedMemory::MappedMemory(std::size_t bytes) noexcept {
  bytes = mapped_bytes(bytes);
  data_ = bytes < huge_page_bytes ? map(bytes) : map_aligned(bytes);
  if (data_ != nullptr) bytes_ = bytes;
}

void MappedMemory::advise_huge_pages(std::size_t from, std::size_t to) const noexcept {
  from = round_up(from, huge_page_bytes);
  to = std::min(to, bytes_) / huge_page_bytes * huge_page_bytes;
  if (from < to) static_cast<void>(madvise(data_ + from, to - from, MADV_HUGEPAGE));
}

std::size_t MappedMemory::mapped_bytes(std::size_t bytes) noexcept { return round_up(bytes, page_bytes); }

MappedMemory MappedMemory::split_off(std::size_t bytes) noexcept {
  VARVE_INVARIANT(bytes > 0 && bytes < bytes_ && bytes % page_bytes == 0);
  MappedMemory rest;
  rest.data_ = data_ + bytes;
  rest.bytes_ = std::exchange(bytes_, bytes) - bytes;
  return rest;
}

void MappedMemory::join(MappedMemory next) noexcept {
  VARVE_INVARIANT(ends_at(next.data_));
  bytes_ += std::exchange(next.bytes_, 0);
  next.data_ = nullptr;
}

MappedMemory::MappedMemory(MappedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

MappedMemory& MappedMemory::operator=(MappedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedMemory::~MappedMemory() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

std::shared_ptr<BodyMemory> BodyMemory::create(std::size_t kept_bytes_max) {
  return std::shared_ptr<BodyMemory>(new BodyMemory(kept_bytes_max));
}

std::shared_ptr<std::byte[]> BodyMemory::take(std::size_t bytes) {
  if (bytes < huge_page_bytes / 2) return std::make_shared_for_overwrite<std::byte[]>(bytes);
  const std::size_t mapped = round_up(bytes, huge_page_bytes);
  MappedMemory memory = take_kept(mapped);
  if (!memory) {
    memory = MappedMemory(mapped);
    memory.advise_huge_pages(0, bytes + huge_page_bytes / 2);  // the last one, too, if half of it is filled
  }
  if (!memory) return nullptr;
  std::byte* const data = memory.data();
  auto kept = std::make_shared<MappedMemory>(std::move(memory));
  // Lets go of the stock when it is called: `line_` may keep the deleter itself for longer.
  return {data, [stock = shared_from_this(), kept = std::move(kept)](const std::byte*) mutable {
            std::exchange(stock, nullptr)->give_back(std::move(*kept));
          }};
}

std::shared_ptr<std::byte[]> BodyMemory::take_in_line(std::size_t bytes) {
  if (bytes < in_line_bytes_min || bytes >= huge_page_bytes / 2) return take(bytes);
  const std::lock_guard lock(line_mutex_);
  std::shared_ptr<std::byte[]> piece = line_.lock();
  if (!piece || line_used_bytes_ + bytes > huge_page_bytes) {
    piece = take(huge_page_bytes);
    if (!piece) return nullptr;
    line_ = piece;
    line_used_bytes_ = 0;
  }
  std::byte* const at = piece.get() + line_used_bytes_;
  line_used_bytes_ += round_up(bytes, page_bytes);
  return {std::move(piece), at};
}

// The smallest that is large enough, so that there are large ones left for those who need them.
MappedMemory BodyMemory::take_kept(std::size_t mapped_bytes) {
  const std::lock_guard lock(mutex_);
  auto best = kept_.end();
  for (auto at = kept_.begin(); at != kept_.end(); ++at) {
    const std::size_t bytes = at->second.bytes();
    if (bytes >= mapped_bytes && (best == kept_.end() || bytes < best->second.bytes())) best = at;
  }
  if (best == kept_.end()) return {};
  kept_bytes_ -= mapped_bytes;
  // Its end, so that the rest stays where it is, and nothing has to be allocated.
  if (best->second.bytes() > mapped_bytes) return best->second.split_off(best->second.bytes() - mapped_bytes);
  MappedMemory memory = std::move(best->second);
  kept_.erase(best);
  return memory;
}

// Called as the last owner of a piece goes, so it must not throw: what cannot be kept is unmapped, by the
// parameter's end.
void BodyMemory::give_back(MappedMemory memory) noexcept {
  const std::lock_guard lock(mutex_);
  const std::size_t bytes = memory.bytes();
  if (kept_bytes_ + bytes > kept_bytes_max_) return;
  auto next = kept_.extract(memory.data() + bytes);
  if (next) memory.join(std::move(next.mapped()));
  const auto after = kept_.lower_bound(memory.data());
  if (after != kept_.begin() && std::prev(after)->second.ends_at(memory.data())) {
    std::prev(after)->second.join(std::move(memory));
  } else if (next) {
    next.key() = memory.data();
    next.mapped() = std::move(memory);
    kept_.insert(std::move(next));
  } else if (!keep_apart(std::move(memory))) {
    return;
  }
  kept_bytes_ += bytes;
}

bool BodyMemory::keep_apart(MappedMemory memory) noexcept {
  const std::byte* const at = memory.data();
  try {
    kept_.emplace(at, std::move(memory));
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace varve::object_store
