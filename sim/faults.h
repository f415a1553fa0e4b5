// What can go wrong with a request, and how often.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sim/random.h"

namespace varve::sim {

enum class Fault : std::uint8_t {
  slow,             ///< a request or its answer takes very long
  refused,          ///< the store says no; nothing happened
  lost,             ///< never arrives; the client hears of a failure
  answer_lost,      ///< applied; the client hears of a failure
  late,             ///< applied long after the client heard of a failure, even after its death
  repeated,         ///< applied, answered, and applied once more, later
  false_conflict,   ///< "already exists", though it does not
  short_read,       ///< fewer bytes than there are
  bit_flip,         ///< in what a read brings
  split_list,       ///< a listing is made at two moments, front first
  back_first_list,  ///< likewise, back first
  sharded_list,     ///< a listing asks several shards, each at a moment of its own
  scattered_list,   ///< a listing reports each name as of a moment of its own
  short_page,       ///< a listing ends early
  kept,             ///< a deletion leaves some objects
  bad_checkpoint,   ///< the checkpoint is garbled, lost, or an older one
  crash,            ///< a client dies
  sleep,            ///< a client hears and does nothing for long, then goes on
  count,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Fault::count)> fault_names{
    "slow",
    "refused",
    "lost",
    "answer_lost",
    "late",
    "repeated",
    "false_conflict",
    "short_read",
    "bit_flip",
    "split_list",
    "back_first_list",
    "sharded_list",
    "scattered_list",
    "short_page",
    "kept",
    "bad_checkpoint",
    "crash",
    "sleep"};

[[nodiscard]] inline std::optional<Fault> fault_named(std::string_view name) {
  for (std::size_t i = 0; i < fault_names.size(); ++i) {
    if (fault_names[i] == name) return static_cast<Fault>(i);
  }
  return std::nullopt;
}

/// A bit for each `Fault`.
using FaultSet = std::uint32_t;
[[nodiscard]] constexpr FaultSet bit(Fault fault) { return FaultSet{1} << static_cast<unsigned>(fault); }

/// A seed's weather: some faults never, some now and then, some often.
class Faults {
 public:
  Faults(Random& random, FaultSet never) : never_(never) {
    const std::uint64_t storm = random.below(4);
    for (std::uint32_t& each : in_thousand_) {
      const std::uint64_t draw = random.below(4);
      each = storm == 0 || draw == 0
                 ? 0
                 : static_cast<std::uint32_t>(random.below(draw == 1 ? 20 : 20 + 60 * storm));
    }
    // Damage makes every check more lenient: most seeds have none.
    if (random.below(8) != 0) of(Fault::short_read) = of(Fault::bit_flip) = 0;
  }

  /// Draws the same numbers whether or not `fault` is switched off: a seed shrinks.
  [[nodiscard]] bool strikes(Fault fault, Random& random) const {
    const bool drawn = random.chance(in_thousand_[static_cast<std::size_t>(fault)]);
    return drawn && !calm_ && (never_ & bit(fault)) == 0;
  }
  void calm() { calm_ = true; }

 private:
  std::uint32_t& of(Fault fault) { return in_thousand_[static_cast<std::size_t>(fault)]; }

  std::array<std::uint32_t, static_cast<std::size_t>(Fault::count)> in_thousand_{};
  FaultSet never_;
  bool calm_ = false;
};

}  // namespace varve::sim
