// Which way to store batches a writer does best with, found by trying. Pure: times and sums come in.
//
// What compressing costs and saves hangs on the bytes, on who else wants the CPU, and on the line to the
// store, which nobody tells; a choice worked out from estimates of all that is wrong where one of them is
// (docs/performance.md). So the present way is measured, stretch by stretch, and now and then another is
// tried against it. While batches wait, the better way is the one in which more is stored in a second;
// otherwise the one in which a batch is stored sooner. Estimates only say which trials would be hopeless. A
// trial that goes badly is broken off soon, and one that fails makes the next of its kind wait twice as long.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "format/blocks.h"

namespace varve::append {

/// From none to thorough. Higher levels of zstd gain some percent for twice the time: they would need a line
/// slower than any that a log is written over.
inline constexpr std::size_t ways = 4;
inline constexpr std::array<format::Packing, ways> packings{{{},
                                                             {.codec = format::Codec::lz4},
                                                             {.codec = format::Codec::zstd, .level = 1},
                                                             {.codec = format::Codec::zstd, .level = 3}}};
inline constexpr std::size_t as_it_is = 0;

/// What can be hoped for from a way at best.
struct Estimate {
  bool shrinks = false;       ///< enough to be worth a reader's time, by what is known; true of `as_it_is`
  bool shrinks_well = false;  ///< so much that it is worth a trial, whatever came of the last
  double bytes_per_ns = 0;    ///< appended, while batches wait
  double latency_ns = 0;      ///< of a batch as they are now, from when it is complete
};
using Estimates = std::array<Estimate, ways>;

class CodecTuner {
 public:
  using Clock = std::chrono::steady_clock;

  struct Stored {
    std::uint64_t bytes = 0;
    double waited_byte_ns = 0;  ///< how long each of them took, once its batch was complete
  };
  /// Sums since the writer was opened.
  struct Progress {
    Clock::time_point at{};
    std::uint64_t handed_bytes = 0;  ///< of batches that were given a way
    std::uint64_t stored_bytes = 0;  ///< of those, what is acknowledged; as it was appended
    std::uint64_t stored_batches = 0;
    std::array<Stored, ways> stored{};  ///< in each way, of those
  };

  /// A batch is about to be given its way; `others_wait` behind it.
  void see(const Progress& progress, bool others_wait);

  /// The way for it, if it is given one. After `see`.
  std::size_t next(const Estimates& estimates);

  /// What it would be without a change now.
  [[nodiscard]] std::size_t present() const { return present_; }

 private:
  struct Score {
    bool waits = false;
    double bytes_per_ns = 0;
    double latency_ns = 0;
  };
  struct Retry {
    Clock::time_point at{};
    Clock::duration after{};
  };
  enum class Verdict : std::uint8_t { open, better, worse };

  [[nodiscard]] bool is_trial() const { return present_ != settled_; }
  void notice_other_bytes(const Estimates& estimates);
  void begin_stretch();
  [[nodiscard]] Score score() const;
  [[nodiscard]] double latency_ns(std::size_t way) const;
  [[nodiscard]] bool tells() const;
  [[nodiscard]] bool is_whole() const;
  [[nodiscard]] Verdict verdict() const;
  void conclude(Verdict verdict);
  void give_up();
  void put_off(std::size_t way, Clock::duration trial_took);
  void learn(const Score& score);
  void try_another(const Estimates& estimates);
  [[nodiscard]] bool is_hopeful(const Estimate& estimate) const;
  [[nodiscard]] Retry& retry_of(std::size_t way) { return retries_[settled_score_.waits ? 1 : 0][way]; }
  void change_to(std::size_t way);

  std::size_t settled_ = 1;  // shrinks what shrinks, and costs little
  std::size_t present_ = 1;  // that, or another on trial
  bool is_known_ = false;    // how good the settled one is
  bool is_guess_ = false;    // that, from the very first batches
  Score settled_score_;
  std::array<std::array<Retry, ways>, 2> retries_{};
  std::array<bool, ways> shrank_{};  // well, until it did not at all

  bool settleds_turn_ = false;

  Progress now_;
  // A stretch begins when all batches of another way are stored, and one of this.
  bool begun_ = false;
  bool ended_ = false;
  Progress changed_;
  Progress begin_;
  std::uint64_t given_ = 0;
  std::uint64_t waiting_ = 0;
};

}  // namespace varve::append
