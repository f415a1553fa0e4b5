// The speed of light: what any log must do for a record at the least, and nothing else.
#include <atomic>
#include <cstring>
#include <memory>

#include "base/mapped_memory.h"
#include "bench/contestant.h"
#include "format/records.h"

namespace varve::bench {

namespace {

class Bare final : public Contestant {
 public:
  explicit Bare(std::size_t bytes) : bytes_(bytes), memory_(2 * bytes) {
    std::memset(memory_.data(), 0, memory_.bytes());
  }

  Result<void> append(std::span<const std::span<const std::byte>> records, bool /*reserve*/,
                      AppendCallback /*told*/) override {
    std::size_t stored = 0;
    for (const auto& record : records) stored += format::stored_bytes(record.size());
    const std::uint64_t claimed = word_.fetch_add(stored, std::memory_order_relaxed);
    std::byte* at = memory_.data() + claimed % bytes_;
    for (const auto& record : records) {
      format::write_record(at, record, claimed);
      at += format::stored_bytes(record.size());
    }
    return {};
  }

  Result<void> finish() override { return {}; }

 private:
  std::size_t bytes_;
  object_store::MappedMemory memory_;  // twice, so that a record at the end need not wrap
  alignas(64) std::atomic<std::uint64_t> word_ = 0;
};

}  // namespace

std::unique_ptr<Contestant> make_bare(const WriterOptions& options) {
  // As much memory as the writer goes through before it comes back to a buffer: a few batches.
  return std::make_unique<Bare>(options.batch_bytes * 4);
}

}  // namespace varve::bench
