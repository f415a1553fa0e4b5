// One batch: the memory that records are laid out in as they will be stored, and the atomics that let
// many threads do so at once. Which batch is in use, and when: batch_pool.h.
//
// Memory, one allocation:
//
//   0          256                                                          memory_bytes
//   | header   | records, as stored -->  [trailer]  ...   <-- callback slots | sparse index |
//
// The header and the trailer are written by the pilot after the batch is complete; what lies before
// the trailer's end is the object, uploaded from here without a copy.
//
// Life of a batch, and who may touch what:
//
//   free     nobody; `word_` has its closed bit set, so a late claim fails and is no crosser
//   active   whoever claimed: his bytes, his callback slot, index entries behind his records
//   closed   the same; no new claims; `closed_` says how many records there are
//   ready    closed, and all claimants have committed: the pilot alone
//
// Why the pilot sees every byte. A claimant writes, then adds to a stripe (release). Who finds the
// stripes' sum (acquire) equal to the final count has synchronised with every claimant: later adds to
// a stripe continue the release sequences of earlier ones. He sets the ready bit (release), the pilot
// reads it (acquire).
//
// Why the ready bit is always set. A claimant adds to a stripe, then reads `closed_`; the closer sets
// `closed_`, then reads the stripes; all four are seq_cst. Take the last add in their single total
// order. If its thread then reads `closed_` unset, the closer's store comes later still, and the
// closer's sum is complete; otherwise its own sum is. So someone finds the sum complete, and the
// compare-exchange on `closed_` lets exactly one of those deliver the notice.
//
// Why a thread that sleeps inside `commit` is harmless. Between its add and its sum the batch may
// have become ready through others, and have been freed and used again. Then its sum mixes two
// lives, but its compare-exchange fails: `closed_` carries the generation, so its value never
// returns. If it reads the new life's `closed_`, it just lends a hand. Batches are never destroyed
// while the pool lives; only their memory moves.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "append/batching/batch_memory.h"
#include "append/batching/claim_word.h"
#include "format/header.h"
#include "format/trailer.h"
#include "varve/writer.h"

namespace varve::append {

/// Two cores writing to the same line of this size slow each other down.
inline constexpr std::size_t cache_line_bytes = 64;

/// Who is told, at the record's index; `count` records further is the next slot in use.
struct CallbackSlot {
  AppendCallback callback;
  std::uint32_t count = 0;
};

/// How a batch's memory is divided.
struct BatchLayout {
  std::size_t memory_bytes = 0;
  std::size_t index_entries = 0;  ///< as many as the largest body needs
  ClaimLimits limits;

  /// A batch for all: up to `body_bytes` of records, in at most `memory_bytes_max`.
  static BatchLayout shared(std::size_t body_bytes, std::size_t memory_bytes_max);
  /// A batch for one claim of `body_bytes`.
  static BatchLayout alone(std::size_t body_bytes);

  /// What a batch with these claims makes resident, trailer included.
  [[nodiscard]] std::size_t touched_bytes(ClaimWord word) const;
};

class alignas(cache_line_bytes) Batch {
 public:
  // --- The pool, with its mutex held.

  /// Begins a new life, empty, with nothing claimable yet. The batch must be free.
  void prepare(std::uint64_t generation, Offset first_offset, BatchMemory memory, const BatchLayout& layout);
  /// Lets claims in: everything `prepare` wrote happens before a claim (release, acquire).
  void open() { word_.store(0, std::memory_order_release); }
  BatchMemory take_memory() { return std::move(memory_); }

  // --- Whoever comes.

  /// The word before `added` was added. Acquire: what `prepare` wrote is visible if the claim holds.
  ClaimWord claim(ClaimWord added) { return word_.fetch_add(added, std::memory_order_acquire); }
  /// The word before; if it was fitting, the caller is the one closer of this life.
  ClaimWord refuse_claims() { return word_.fetch_or(claim_closed_bit, std::memory_order_acquire); }
  [[nodiscard]] ClaimWord word() const { return word_.load(std::memory_order_acquire); }

  // --- The closer.

  /// Fixes what the batch holds. True: the caller must deliver the ready notice.
  [[nodiscard]] bool close(ClaimWord final_word);

  // --- A claimant, until it commits.

  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  [[nodiscard]] Offset first_offset() const { return first_offset_; }
  /// `position` counts from the object's front.
  [[nodiscard]] std::byte* at(std::size_t position) const { return memory_.data() + position; }
  void note_first_append(std::int64_t now_unix_ms) {
    first_append_unix_ms_.store(now_unix_ms, std::memory_order_relaxed);
  }
  void set_callback(std::uint32_t index, std::uint32_t count, AppendCallback callback);
  /// The record takes bytes [`begin`, `end`) of the object, padding included.
  void note_record(std::uint32_t index, std::size_t begin, std::size_t end) {
    format::index_record({index_, layout_.index_entries}, begin, end, index + 1);
  }
  /// Publishes `count` records. The caller touches the batch no more. True: it must deliver the
  /// ready notice.
  [[nodiscard]] bool commit(std::uint32_t count);

  // --- The pilot.

  /// Closed in the life `generation`?
  [[nodiscard]] bool is_closed(std::uint64_t generation) const;
  /// Also complete?
  [[nodiscard]] bool is_ready(std::uint64_t generation) const;
  /// What of the below is known when: offsets, counts and sizes once closed; bytes, index, times and
  /// callbacks once ready.
  [[nodiscard]] std::uint32_t records() const;
  [[nodiscard]] std::size_t body_bytes() const { return body_bytes_; }
  /// 0 until the first claimant noted it.
  [[nodiscard]] std::int64_t first_append_unix_ms() const {
    return first_append_unix_ms_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::span<std::byte, format::header_bytes> header() const {
    return std::span<std::byte, format::header_bytes>(at(0), format::header_bytes);
  }
  /// The records: bytes [header_bytes, body_end) of the object.
  [[nodiscard]] std::span<const std::byte> body() const { return {at(format::header_bytes), body_bytes_}; }
  /// The same, to be compressed where it lies. From then on it is no body, and what is there instead ends
  /// elsewhere: the functions below that begin at the body's end are for batches that are not compressed.
  [[nodiscard]] std::span<std::byte> body_to_pack() const { return {at(format::header_bytes), body_bytes_}; }
  /// Where the body ends, from the object's front.
  [[nodiscard]] std::size_t body_end() const { return format::header_bytes + body_bytes_; }
  /// The sparse index, for the trailer.
  [[nodiscard]] std::span<const format::IndexEntry> index() const {
    return {index_, format::index_entries(body_end())};
  }
  /// Where the trailer goes.
  [[nodiscard]] std::span<std::byte> trailer() const {
    return {at(body_end()), format::trailer_bytes(index().size())};
  }
  /// The whole object, trailer included.
  [[nodiscard]] std::size_t object_bytes() const { return body_end() + trailer().size(); }
  /// Calls `told(offset, callback)` for every append that wanted to know, in offset order.
  template <class Told>
  void for_each_callback(Told&& told) {
    for (std::uint32_t index = 0; index < records();) {
      CallbackSlot& slot = *slot_at(index);
      if (slot.callback) told(first_offset_ + index, slot.callback);
      index += slot.count;
    }
  }

 private:
  static constexpr std::size_t stripe_count = 8;
  struct alignas(cache_line_bytes) Stripe {
    std::atomic<std::uint64_t> committed{0};
  };

  [[nodiscard]] bool take_ready_notice();
  /// Slots grow down from the sparse index.
  [[nodiscard]] CallbackSlot* slot_at(std::uint32_t index) const {
    return reinterpret_cast<CallbackSlot*>(index_) - (index + 1);
  }

  // Written by every claim.
  std::atomic<ClaimWord> word_{claim_closed_bit};

  // Read by every claim, written a few times in a life.
  alignas(cache_line_bytes) std::atomic<std::uint64_t> closed_{0};
  Offset first_offset_ = 0;
  std::uint64_t generation_ = 0;
  BatchMemory memory_;
  format::IndexEntry* index_ = nullptr;  // in `memory_`, at its end
  BatchLayout layout_;
  std::atomic<std::int64_t> first_append_unix_ms_{0};
  std::size_t body_bytes_ = 0;

  // Written by every commit, each thread its own if there are few.
  std::array<Stripe, stripe_count> stripes_;
};

}  // namespace varve::append
