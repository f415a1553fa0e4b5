#include "append/batching/batch.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "append/batching/preemption.h"
#include "base/invariant.h"
#include "base/mutant.h"

namespace varve::append {
namespace {

// `closed_`: the generation, whether the batch is ready, and how many records it has. 0: open.
// Generations start at 1, and 2^39 batches take longer than anyone waits.
constexpr int closed_generation_shift = 25;
constexpr std::uint64_t closed_ready_bit = std::uint64_t{1} << 24;

constexpr std::uint64_t closed_as(std::uint64_t generation, std::uint32_t records) {
  return generation << closed_generation_shift | records;
}
constexpr std::uint64_t generation_in(std::uint64_t closed) { return closed >> closed_generation_shift; }
constexpr std::uint32_t final_records_in(std::uint64_t closed) {
  return static_cast<std::uint32_t>(closed & (closed_ready_bit - 1));
}
static_assert(claim_records_end <= closed_ready_bit);

static_assert(sizeof(CallbackSlot) == 32 && alignof(CallbackSlot) <= claim_unit_bytes);
static_assert(std::is_trivially_copyable_v<CallbackSlot>);  // never destroyed, memory is just used again

std::size_t index_entries_for(std::size_t body_bytes) {
  return format::index_entries(format::header_bytes + body_bytes);
}

constexpr std::size_t round_down(std::size_t bytes) { return bytes & ~(claim_unit_bytes - 1); }

// Threads take stripes in turn, so that up to `count` of them never share one.
std::size_t stripe_of_thread(std::size_t count) {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed);
  return mine % count;
}

}  // namespace

BatchLayout BatchLayout::shared(std::size_t body_bytes, std::size_t memory_bytes_max) {
  // A quarter more for callback slots: enough for a full body of records from about 120 bytes up.
  // Smaller ones fill the slots first, and travel in somewhat smaller objects.
  BatchLayout layout;
  layout.index_entries = index_entries_for(body_bytes);
  const std::size_t fixed = format::header_bytes + format::trailer_bytes(layout.index_entries) +
                            layout.index_entries * sizeof(format::IndexEntry);
  layout.memory_bytes = round_down(std::min(fixed + body_bytes + body_bytes / 4, memory_bytes_max));
  VARVE_INVARIANT(layout.memory_bytes > fixed);
  layout.limits = {.body_bytes = body_bytes,
                   .room_bytes = layout.memory_bytes - fixed,
                   .slot_bytes = sizeof(CallbackSlot)};
  return layout;
}

BatchLayout BatchLayout::alone(std::size_t body_bytes) {
  BatchLayout layout;
  layout.index_entries = index_entries_for(body_bytes);
  layout.memory_bytes = format::header_bytes + body_bytes + format::trailer_bytes(layout.index_entries) +
                        sizeof(CallbackSlot) + layout.index_entries * sizeof(format::IndexEntry);
  layout.limits = {.body_bytes = body_bytes,
                   .room_bytes = body_bytes + sizeof(CallbackSlot),
                   .slot_bytes = sizeof(CallbackSlot)};
  return layout;
}

std::size_t BatchLayout::touched_bytes(ClaimWord word) const {
  const std::size_t fixed = memory_bytes - limits.room_bytes;
  return std::min(memory_bytes, fixed + bytes_in(word) + records_in(word) * limits.slot_bytes);
}

void Batch::prepare(std::uint64_t generation, Offset first_offset, BatchMemory memory,
                    const BatchLayout& layout) {
  VARVE_INVARIANT((word_.load(std::memory_order_relaxed) & claim_closed_bit) != 0 && !memory_);
  generation_ = generation;
  first_offset_ = first_offset;
  memory_ = std::move(memory);
  layout_ = layout;
  body_bytes_ = 0;
  // Neither index nor slots need clearing: the pilot reads only what this life's claimants wrote.
  index_ = reinterpret_cast<format::IndexEntry*>(at(layout.memory_bytes)) - layout.index_entries;
  first_append_unix_ms_.store(0, std::memory_order_relaxed);
  // Relaxed, in any order: claimants see it through `open`, and a sleeper in `commit` that still sums
  // the life before cannot do harm with a wrong sum.
  closed_.store(0, std::memory_order_relaxed);
  for (Stripe& stripe : stripes_) stripe.committed.store(0, std::memory_order_relaxed);
}

bool Batch::close(ClaimWord final_word) {
  refuse_claims();  // a crosser's word is only too full until here
  preemption_point();
  body_bytes_ = bytes_in(final_word);
  closed_.store(closed_as(generation_, records_in(final_word)), std::memory_order_seq_cst);
  preemption_point();
  return take_ready_notice();
}

bool Batch::commit(std::uint32_t count) {
  if (mutated(Mutant::commit_tells_nobody) && closed_.load(std::memory_order_seq_cst) == 0) {
    preemption_point();
    stripes_[stripe_of_thread(stripe_count)].committed.fetch_add(count, std::memory_order_seq_cst);
    return false;
  }
  stripes_[stripe_of_thread(stripe_count)].committed.fetch_add(count, std::memory_order_seq_cst);
  preemption_point();
  return closed_.load(std::memory_order_seq_cst) != 0 && take_ready_notice();
}

bool Batch::take_ready_notice() {
  std::uint64_t closed = closed_.load(std::memory_order_seq_cst);
  if (closed == 0 || (closed & closed_ready_bit) != 0) return false;
  std::uint64_t committed = 0;
  for (const Stripe& stripe : stripes_) committed += stripe.committed.load(std::memory_order_seq_cst);
  preemption_point();
  return committed == final_records_in(closed) &&
         closed_.compare_exchange_strong(closed, closed | closed_ready_bit, std::memory_order_seq_cst);
}

void Batch::set_callback(std::uint32_t index, std::uint32_t count, AppendCallback callback) {
  ::new (static_cast<void*>(slot_at(index))) CallbackSlot{callback, count};
}

bool Batch::is_closed(std::uint64_t generation) const {
  return generation_in(closed_.load(std::memory_order_acquire)) == generation;
}

bool Batch::is_ready(std::uint64_t generation) const {
  const std::uint64_t closed = closed_.load(std::memory_order_acquire);
  return generation_in(closed) == generation &&
         ((closed & closed_ready_bit) != 0 || mutated(Mutant::commit_not_awaited));
}

std::uint32_t Batch::records() const { return final_records_in(closed_.load(std::memory_order_acquire)); }

}  // namespace varve::append
