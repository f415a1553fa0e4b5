// Where appends meet: which batch takes records now, how one follows another, and how much memory
// all of them may hold.
//
// Batches are slots of a fixed ring; generation g uses slot g % slots. `state_` names the generation
// that takes records. An append reads `state_`, adds its claim to that slot's word, and has a place
// or not:
//
//   Winners   Their place is theirs alone, since adds to one word are totally ordered: byte ranges do
//             not overlap, indexes are dense, and both grow together. The batch's first offset was
//             fixed when it was installed (the one before it had ended), so offsets are dense over all
//             batches, in claim order.
//   Crosser   The one claim that finds the word fitting before and not after. What the word said
//             before is final: nobody claims after it. It closes the batch, installs the next under
//             the mutex, and appends there like everyone. Closing from outside sets the closed bit
//             instead, and is the crosser if the word was still fitting.
//   Losers    wait for `state_` to change and try again; they never add twice with one value of
//             `state_`. Nothing was taken by their add, so nothing is lost.
//   Latecomers  A thread may sleep between reading `state_` and its add, while its slot is closed,
//             freed or given to a later generation. Closed or free: it is a loser whose `state_` has
//             changed already. In use again: it wins a place there like anyone; the slot's own fields
//             say which batch that is, and they cannot change before it commits. Or it crosses, and
//             closes that batch: it cannot be freed before its crosser has closed it.
//
// So on each word that no longer fits, a thread adds at most once late and once as a loser.
//
// When no batch can be installed within the limits, `state_` says `stalled`, and appends answer
// `over_capacity` without adding anything; whoever gives memory back installs the next one.
//
// A claim that would not fit in a fresh batch gets one of its own: under the mutex the present batch
// is closed, a batch for this claim alone follows, closed from birth, then a new one for all.
//
// A batch leaves when the pilot has released it and no `Bytes` of it live; then its slot is free and
// its memory goes to a free list. Bytes keep the pool alive, so they may outlive the writer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "append/batching/batch.h"
#include "base/condition.h"
#include "format/records.h"
#include "varve/store.h"
#include "varve/writer.h"

namespace varve::append {

/// Told by appending threads (and by whoever closes a batch); must be quick. Not called with the
/// pool's mutex held.
class BatchListener {
 public:
  /// A batch that takes records has its first one: time to think about closing it.
  virtual void first_record() noexcept = 0;
  /// A batch is closed and complete. Once for each, not necessarily in order: see `oldest_closed`.
  virtual void batch_ready() noexcept = 0;
  /// The clock for `first_append_unix_ms`, read once for a batch.
  virtual std::int64_t now_unix_ms() noexcept = 0;

 protected:
  ~BatchListener() = default;
};

struct BatchPoolOptions {
  std::size_t batch_bytes = 0;         ///< records in a batch, as stored
  std::size_t buffered_bytes_max = 0;  ///< see `WriterOptions`; at least `batch_bytes`
  std::uint32_t window = 1;
  Offset first_offset = 0;  ///< of the first record to come
};

/// A place for one append. `batch` is null where there is none.
struct Claim {
  Batch* batch = nullptr;
  Offset offset = 0;
  std::uint32_t index = 0;   ///< of the first record, in its batch
  std::size_t position = 0;  ///< of its first byte, from the object's front
};

/// See above. Producers' functions may be called from any thread; the pilot's from one at a time.
class BatchPool : public std::enable_shared_from_this<BatchPool> {
  struct Private {};

 public:
  /// `listener` must live until the last call of a producer or the pilot has returned.
  static std::shared_ptr<BatchPool> create(const BatchPoolOptions& options, BatchListener& listener);
  BatchPool(Private, const BatchPoolOptions& options, BatchListener& listener);
  BatchPool(const BatchPool&) = delete;
  BatchPool& operator=(const BatchPool&) = delete;

  // --- Producers.

  /// As `Writer::append`.
  Result<Offset> append(std::span<const std::byte> record, AppendCallback callback);
  /// As `Writer::append_batch`; `batch_bytes` bounds what the records take as stored.
  Result<Offset> append_batch(std::span<const std::span<const std::byte>> records, AppendCallback callback);

  /// Claims a place for a record of up to `bytes` bytes, to be written at `payload_of(claim)`.
  Result<Claim> reserve(std::size_t bytes);
  [[nodiscard]] static std::byte* payload_of(const Claim& claim) {
    return claim.batch->at(claim.position + format::record_header_bytes);
  }
  /// Publishes the first `used` of the `reserved` bytes as the record. An abandoned reservation is
  /// committed with none. Exactly once for each reservation.
  void commit(const Claim& claim, std::size_t reserved, std::size_t used, AppendCallback callback);

  /// For waiting until there may be room: read the turn, append, and after `over_capacity` wait for
  /// the turn to pass. False: `deadline` came first.
  [[nodiscard]] std::uint64_t room_turn() const { return room_turn_.load(std::memory_order_acquire); }
  bool wait_for_room(std::uint64_t turn, std::chrono::steady_clock::time_point deadline);

  // --- The pilot.

  /// Closes the batch that takes records, if it has any. False: nothing to close, or it is being
  /// closed by a producer right now.
  bool close_active();
  /// What `close_active` would close; nothing if that is nothing.
  struct Active {
    std::uint32_t records = 0;
    std::size_t bytes = 0;
    std::int64_t first_append_unix_ms = 0;  ///< 0 for an instant after the first record's claim
  };
  [[nodiscard]] std::optional<Active> active() const;

  /// The oldest batch that is closed and not taken yet: null if there is none.
  [[nodiscard]] Batch* oldest_closed();
  /// Whether that is ready.
  [[nodiscard]] bool has_ready();
  /// The same if it is ready; from then on it belongs to the pilot until `release`.
  [[nodiscard]] Batch* take_ready();
  /// The first `bytes` bytes of a taken batch, for the store. They must not be changed any more.
  [[nodiscard]] Bytes share(Batch& batch, std::size_t bytes);
  /// Gives a taken batch back, in any order.
  void release(Batch& batch);

  /// No append succeeds from here on: each answers `reason`, as do those that wait. What was claimed
  /// before comes out as usual; `drained` says when nothing more will. Later reasons are ignored.
  void stop(Error reason);
  /// Stopped, and every batch with records was taken.
  [[nodiscard]] bool drained();

  // --- Anyone.

  /// The next record's offset: above that of every append that returned before the call.
  [[nodiscard]] Offset end_offset() const;
  /// What is appended and not released, overhead included.
  [[nodiscard]] std::size_t buffered_bytes() const;

 private:
  // The generation in the upper bits; in the lowest three, why it takes no records.
  using State = std::uint64_t;
  static constexpr State stalled_bit = 1;
  static constexpr State stopped_bit = 2;
  static constexpr State starved_bit = 4;  // stalled for want of memory itself, not by our count
  static constexpr int generation_shift = 3;
  static constexpr std::uint64_t generation_in(State state) { return state >> generation_shift; }

  // What the mutex guards of a slot.
  struct Custody {
    bool in_use = false;       // prepared and not yet given back
    bool released = false;     // by the pilot
    std::uint32_t shared = 0;  // `Bytes` that live
    std::size_t charged_bytes = 0;
  };

  Batch& slot(std::uint64_t generation) { return slots_[generation & slot_mask_]; }
  const Batch& slot(std::uint64_t generation) const { return slots_[generation & slot_mask_]; }
  Custody& custody(std::uint64_t generation) { return custody_[generation & slot_mask_]; }

  // The claim's batch is null if there is no place: `refusal` says why.
  Claim claim(std::size_t records, std::size_t stored);
  Claim claim_shared(std::uint32_t records, std::size_t stored);
  Claim claim_alone(std::uint32_t records, std::size_t stored);
  [[nodiscard]] std::optional<Error> never_fits(std::size_t records, std::size_t stored) const;
  [[nodiscard]] Error refusal(std::size_t records, std::size_t stored);
  void finish(const Claim& claim, std::uint32_t records);

  void roll(Batch& batch, ClaimWord final_word);
  void wait_past(State seen) const;

  // With the mutex held.
  [[nodiscard]] bool close_locked(Batch& batch, ClaimWord final_word);
  void install_next_locked();
  [[nodiscard]] Claim install_alone_locked(const BatchLayout& layout, ClaimWord claimed);
  void publish_locked(State state);
  [[nodiscard]] std::size_t charge_of(ClaimWord word) const;
  [[nodiscard]] BatchMemory give_back_locked(std::uint64_t generation);
  void unshare(std::uint64_t generation);

  const BatchPoolOptions options_;
  const BatchLayout layout_;
  BatchListener& listener_;
  std::uint64_t slot_mask_;
  std::unique_ptr<Batch[]> slots_;
  const Error over_capacity_;  // made once: shedding load should not allocate

  // Read by every append, written once for a batch.
  alignas(cache_line_bytes) std::atomic<State> state_{0};

  alignas(cache_line_bytes) mutable std::mutex mutex_;
  mutable base::Condition state_changed_;
  base::Condition room_made_;
  std::atomic<std::uint64_t> room_turn_{0};
  std::vector<Custody> custody_;
  std::uint64_t generation_ = 1;    // as in `state_`: active, or to be installed next
  bool active_ = false;             // it is installed and not closed
  Offset first_offset_;             // its first
  std::size_t buffered_bytes_ = 0;  // charged for all slots in use
  MemoryStock memory_;
  std::optional<Error> stopped_;

  std::uint64_t take_generation_ = 1;  // the pilot's
};

}  // namespace varve::append
