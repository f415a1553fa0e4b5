// Appending allocates nothing per record: counted, by replacing the global allocator of this program.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "testing/writers.h"

namespace {
thread_local std::uint64_t allocations = 0;
}

void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  ++allocations;
  const auto align = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(align, (bytes + align - 1) / align * align)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace varve::append {
namespace {

TEST(Allocations, NoneForARecord) {
  const LogAddress log = fresh_log("allocations");
  const auto writer = Writer::open(log).value();
  std::atomic<std::uint64_t> told{0};
  const auto count = [&told](const Result<Offset>&) { told.fetch_add(1, std::memory_order_relaxed); };
  const std::string record(100, 'a');
  const std::vector<std::span<const std::byte>> batch(16, bytes_of(record));
  constexpr int rounds = 20'000;
  const std::uint64_t before = allocations;
  for (int i = 0; i < rounds; ++i) {
    ASSERT_TRUE(writer->append(bytes_of(record), count));
    ASSERT_TRUE(writer->append_batch(batch, count));
    Reservation reservation = writer->reserve(record.size()).value();
    reservation.commit(record.size(), count);
  }
  const std::uint64_t on_this_thread = allocations - before;
  ASSERT_TRUE(writer->close());
  EXPECT_EQ(told.load(), 3U * rounds);
  // Some per batch are allowed, and a few batches were filled.
  EXPECT_LE(on_this_thread, 100U);
}

}  // namespace
}  // namespace varve::append
