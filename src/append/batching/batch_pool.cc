#include "append/batching/batch_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "append/batching/preemption.h"
#include "base/invariant.h"
#include "base/mutant.h"

namespace varve::append {
namespace {

// Enough for the next batch to be installed while its closer runs; a longer wait sleeps.
constexpr int spins_before_sleep = 200;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

std::size_t allocated_bytes_max(const BatchPoolOptions& options) {
  return options.buffered_bytes_max + (std::size_t{options.window} + 2) * options.batch_bytes;
}

// As many as the memory allows, but a slot has a cost too.
std::uint64_t slot_count(const BatchPoolOptions& options) {
  constexpr std::size_t slots_min = 4;
  constexpr std::size_t slots_max = 4096;
  return std::bit_ceil(std::clamp(allocated_bytes_max(options) / options.batch_bytes, slots_min, slots_max));
}

}  // namespace

std::shared_ptr<BatchPool> BatchPool::create(const BatchPoolOptions& options, BatchListener& listener) {
  return std::make_shared<BatchPool>(Private{}, options, listener);
}

BatchPool::BatchPool(Private, const BatchPoolOptions& options, BatchListener& listener)
    : options_(options),
      layout_(BatchLayout::shared(options.batch_bytes, options.buffered_bytes_max)),
      listener_(listener),
      slot_mask_(slot_count(options) - 1),
      slots_(std::make_unique<Batch[]>(slot_mask_ + 1)),
      over_capacity_(
          Code::over_capacity,
          fmt::format("the writer holds {} bytes that are not acknowledged yet, which is all it may "
                      "(buffered_bytes_max): wait until some are, or shed load",
                      options.buffered_bytes_max)),
      custody_(slot_mask_ + 1),
      first_offset_(options.first_offset),
      memory_(layout_.memory_bytes, allocated_bytes_max(options), slot_mask_ + 1) {
  VARVE_INVARIANT(options.batch_bytes > 0 && options.buffered_bytes_max >= options.batch_bytes);
  const std::lock_guard lock(mutex_);
  install_next_locked();
}

// --- Claims.

Claim BatchPool::claim(std::size_t records, std::size_t stored) {
  const Claim claim =
      layout_.limits.fits(records, stored) ? claim_shared(static_cast<std::uint32_t>(records), stored)
      : never_fits(records, stored)        ? Claim{}
                                           : claim_alone(static_cast<std::uint32_t>(records), stored);
  if (claim.batch != nullptr && claim.index == 0) claim.batch->note_first_append(listener_.now_unix_ms());
  return claim;
}

Claim BatchPool::claim_shared(std::uint32_t records, std::size_t stored) {
  const ClaimWord added = claim_of(records, stored);
  for (;;) {
    const State state = state_.load(std::memory_order_acquire);
    if ((state & (stalled_bit | stopped_bit)) != 0) return {};
    Batch& batch = slot(generation_in(state));
    preemption_point();
    const ClaimWord before = mutated(Mutant::claims_overlap) ? batch.word() : batch.claim(added);
    if (mutated(Mutant::claims_overlap)) {
      preemption_point();
      batch.claim(added);
    }
    if (layout_.limits.fits(before + added)) {
      return {.batch = &batch,
              .offset = batch.first_offset() + records_in(before),
              .index = records_in(before),
              .position = format::header_bytes + bytes_in(before)};
    }
    if (layout_.limits.fits(before)) {
      roll(batch, before);
    } else {
      wait_past(state);
    }
  }
}

Claim BatchPool::claim_alone(std::uint32_t records, std::size_t stored) {
  const BatchLayout alone = BatchLayout::alone(stored);
  const auto room_beside = [&](std::size_t buffered) {
    return buffered + alone.memory_bytes <= options_.buffered_bytes_max && !custody(generation_ + 1).in_use;
  };
  for (;;) {
    std::unique_lock lock(mutex_);
    if (!active_ || stopped_) return {};
    Batch& active = slot(generation_);
    ClaimWord word = active.word();
    // Looked at before it is closed: a refused append should not cut batches short.
    const bool room = room_beside(buffered_bytes_ - layout_.memory_bytes + charge_of(word));
    if (layout_.limits.fits(word) && !room) return {};
    word = active.refuse_claims();
    if (layout_.limits.fits(word)) {
      const bool ready = close_locked(active, word);
      const Claim claim = install_alone_locked(alone, claim_of(records, stored));
      install_next_locked();
      lock.unlock();
      if (ready) listener_.batch_ready();
      return claim;
    }
    // A producer is about to roll this batch.
    const State state = state_.load(std::memory_order_relaxed);
    lock.unlock();
    wait_past(state);
  }
}

std::optional<Error> BatchPool::never_fits(std::size_t records, std::size_t stored) const {
  if (records == 1 && stored > format::stored_bytes(max_record_bytes)) {
    return Error(Code::invalid_argument,
                 fmt::format("the record is larger than {} bytes, the most a record may have: split it",
                             max_record_bytes));
  }
  if (records > 1 && (stored > options_.batch_bytes || records >= claim_records_end)) {
    return Error(Code::invalid_argument,
                 fmt::format("{} records that take {} bytes as stored do not fit in one batch of {} bytes "
                             "(batch_bytes): append them in smaller groups",
                             records, stored, options_.batch_bytes));
  }
  const std::size_t needed = BatchLayout::alone(stored).memory_bytes;
  if (!layout_.limits.fits(records, stored) && needed > options_.buffered_bytes_max) {
    return Error(Code::invalid_argument,
                 fmt::format("the append needs {} bytes of memory, more than this writer may ever hold ({}): "
                             "raise buffered_bytes_max",
                             needed, options_.buffered_bytes_max));
  }
  return std::nullopt;
}

Error BatchPool::refusal(std::size_t records, std::size_t stored) {
  if (std::optional<Error> never = never_fits(records, stored)) return *std::move(never);
  const State state = state_.load(std::memory_order_acquire);
  if ((state & (stopped_bit | starved_bit)) == 0) return over_capacity_;
  const std::lock_guard lock(mutex_);
  if (stopped_) return *stopped_;
  // The system had no memory, and nothing of ours may be out that would come back: try again now.
  if (!active_) install_next_locked();
  return over_capacity_;
}

// --- One batch after another.

void BatchPool::roll(Batch& batch, ClaimWord final_word) {
  preemption_point();
  std::unique_lock lock(mutex_);
  const bool ready = close_locked(batch, final_word);
  install_next_locked();
  lock.unlock();
  if (ready) listener_.batch_ready();
}

bool BatchPool::close_locked(Batch& batch, ClaimWord final_word) {
  VARVE_INVARIANT(active_ && &batch == &slot(generation_) && batch.generation() == generation_);
  Custody& kept = custody(generation_);
  const std::size_t charge = charge_of(final_word);
  buffered_bytes_ -= kept.charged_bytes - charge;
  kept.charged_bytes = charge;
  first_offset_ += records_in(final_word);
  ++generation_;
  active_ = false;
  // Nobody has a place in an empty batch; the pilot passes over it.
  if (records_in(final_word) == 0) memory_.give_back(batch.take_memory());
  return batch.close(final_word);
}

void BatchPool::install_next_locked() {
  const State state = generation_ << generation_shift;
  if (stopped_) return publish_locked(state | stopped_bit);
  Custody& kept = custody(generation_);
  const bool full = buffered_bytes_ + layout_.memory_bytes > options_.buffered_bytes_max;
  if (kept.in_use || (full && !mutated(Mutant::memory_not_counted)))
    return publish_locked(state | stalled_bit);
  BatchMemory memory = memory_.take(layout_.memory_bytes);
  if (!memory) return publish_locked(state | stalled_bit | starved_bit);
  kept = {.in_use = true, .charged_bytes = layout_.memory_bytes};
  buffered_bytes_ += layout_.memory_bytes;
  Batch& batch = slot(generation_);
  batch.prepare(generation_, first_offset_, std::move(memory), layout_);
  preemption_point();
  batch.open();
  active_ = true;
  publish_locked(state);
}

Claim BatchPool::install_alone_locked(const BatchLayout& layout, ClaimWord claimed) {
  Custody& kept = custody(generation_);
  // More may have been claimed between looking and closing.
  if (kept.in_use || buffered_bytes_ + layout.memory_bytes > options_.buffered_bytes_max) return {};
  BatchMemory memory = memory_.take(layout.memory_bytes);
  if (!memory) return {};
  kept = {.in_use = true, .charged_bytes = layout.memory_bytes};
  buffered_bytes_ += layout.memory_bytes;
  Batch& batch = slot(generation_);
  batch.prepare(generation_, first_offset_, std::move(memory), layout);
  const bool ready = batch.close(claimed);
  VARVE_INVARIANT(!ready);  // its claimant has not committed
  const Claim claim = {
      .batch = &batch, .offset = first_offset_, .index = 0, .position = format::header_bytes};
  first_offset_ += records_in(claimed);
  ++generation_;
  return claim;
}

void BatchPool::publish_locked(State state) {
  state_.store(state, std::memory_order_release);
  state_changed_.notify_all();
}

void BatchPool::wait_past(State seen) const {
  for (int spin = 0; spin < spins_before_sleep; ++spin) {
    if (state_.load(std::memory_order_acquire) != seen) return;
    pause_briefly();
  }
  std::unique_lock lock(mutex_);
  state_changed_.wait(lock, [&] { return state_.load(std::memory_order_relaxed) != seen; });
}

bool BatchPool::wait_for_room(std::uint64_t turn, std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return room_made_.wait_until(lock, deadline, [&] { return room_turn_.load() != turn; });
}

// --- The pilot.

bool BatchPool::close_active() {
  std::unique_lock lock(mutex_);
  if (!active_ || stopped_) return false;
  // With the mutex held nobody installs: what has a record now has one when it is closed.
  Batch& batch = slot(generation_);
  if (records_in(batch.word()) == 0) return false;
  preemption_point();
  const ClaimWord word = batch.refuse_claims();
  if (!layout_.limits.fits(word)) return false;
  const bool ready = close_locked(batch, word);
  install_next_locked();
  lock.unlock();
  if (ready) listener_.batch_ready();
  return true;
}

std::optional<BatchPool::Active> BatchPool::active() const {
  const std::lock_guard lock(mutex_);
  if (!active_) return std::nullopt;
  const Batch& batch = slot(generation_);
  const ClaimWord word = batch.word();
  if (!layout_.limits.fits(word) || records_in(word) == 0) return std::nullopt;
  return Active{.records = records_in(word),
                .bytes = bytes_in(word),
                .first_append_unix_ms = batch.first_append_unix_ms()};
}

Batch* BatchPool::oldest_closed() {
  for (;;) {
    Batch& batch = slot(take_generation_);
    if (!batch.is_closed(take_generation_)) return nullptr;
    preemption_point();
    if (batch.records() > 0) return &batch;
    ++take_generation_;
    release(batch);
  }
}

bool BatchPool::has_ready() {
  const Batch* const batch = oldest_closed();
  return batch != nullptr && batch->is_ready(take_generation_);
}

Batch* BatchPool::take_ready() {
  Batch* const batch = oldest_closed();
  if (batch == nullptr || !batch->is_ready(take_generation_)) return nullptr;
  ++take_generation_;
  return batch;
}

Bytes BatchPool::share(Batch& batch, std::size_t bytes) {
  const std::uint64_t generation = batch.generation();
  {
    const std::lock_guard lock(mutex_);
    ++custody(generation).shared;
  }
  const std::byte* const front = batch.at(0);
  const auto give_back = [pool = shared_from_this(), generation](const void*) { pool->unshare(generation); };
  return {.data = {front, bytes}, .owner = std::shared_ptr<const void>(front, give_back)};
}

void BatchPool::release(Batch& batch) {
  BatchMemory unmapped_unlocked;
  const std::lock_guard lock(mutex_);
  custody(batch.generation()).released = true;
  unmapped_unlocked = give_back_locked(batch.generation());
}

void BatchPool::unshare(std::uint64_t generation) {
  BatchMemory unmapped_unlocked;
  const std::lock_guard lock(mutex_);
  --custody(generation).shared;
  unmapped_unlocked = give_back_locked(generation);
}

void BatchPool::stop(Error reason) {
  bool ready = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_.emplace(std::move(reason));
    if (active_) {
      Batch& batch = slot(generation_);
      const ClaimWord word = batch.refuse_claims();
      // Otherwise a producer is about to close it.
      if (layout_.limits.fits(word)) ready = close_locked(batch, word);
    }
    publish_locked(generation_ << generation_shift | stopped_bit);
    room_turn_.fetch_add(1);
    room_made_.notify_all();
  }
  if (ready) listener_.batch_ready();
}

bool BatchPool::drained() {
  if (oldest_closed() != nullptr) return false;
  const std::lock_guard lock(mutex_);
  return stopped_ && !active_ && take_generation_ == generation_;
}

// --- Memory.

std::size_t BatchPool::charge_of(ClaimWord word) const {
  return records_in(word) == 0 ? 0 : layout_.touched_bytes(word);
}

BatchMemory BatchPool::give_back_locked(std::uint64_t generation) {
  Custody& kept = custody(generation);
  if (!kept.released || (kept.shared > 0 && !mutated(Mutant::memory_used_again))) return {};
  buffered_bytes_ -= kept.charged_bytes;
  kept = {};
  BatchMemory unwanted = memory_.give_back(slot(generation).take_memory());
  if (!active_ && !stopped_ && !mutated(Mutant::room_stays_shut)) install_next_locked();
  room_turn_.fetch_add(1);
  room_made_.notify_all();
  return unwanted;
}

// --- Anyone.

Offset BatchPool::end_offset() const {
  for (;;) {
    std::unique_lock lock(mutex_);
    if (!active_) return first_offset_;
    const ClaimWord word = slot(generation_).word();
    if (layout_.limits.fits(word)) return first_offset_ + records_in(word);
    // Only the producer about to roll the batch knows how many records it has.
    const State state = state_.load(std::memory_order_relaxed);
    lock.unlock();
    wait_past(state);
  }
}

std::size_t BatchPool::buffered_bytes() const {
  const std::lock_guard lock(mutex_);
  if (!active_) return buffered_bytes_;
  return buffered_bytes_ - layout_.memory_bytes + charge_of(slot(generation_).word());
}

}  // namespace varve::append
