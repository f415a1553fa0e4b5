// The families of objects that a log has in its store: one row each. Whoever lists, copies, deletes or
// explains a log's objects goes by this table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace varve::format {

enum class FamilyId : std::uint8_t { chain, checkpoint, promotions, claims, cursors, probes };

struct Family {
  /// How its objects come to be.
  enum class Verb : std::uint8_t {
    create,   ///< once, if absent; never changed
    replace,  ///< overwritten
  };
  /// Who deletes them.
  enum class Sweep : std::uint8_t {
    trim,   ///< a trim, below the log's start
    owner,  ///< whoever made them, when they are of no use any more
    never,
  };
  FamilyId id = FamilyId::chain;
  std::string_view name;  ///< under "<log>/": a folder, or the one key that there is
  bool folder = true;
  std::string_view what;  ///< one of them, for messages
  Verb verb = Verb::create;
  bool mirrored = false;  ///< a mirror has copies of them
  Sweep sweep = Sweep::never;
};

inline constexpr std::array families{
    Family{FamilyId::chain, "wal", true, "an object of the chain", Family::Verb::create, true,
           Family::Sweep::trim},
    Family{FamilyId::checkpoint, "checkpoint", false, "the checkpoint", Family::Verb::replace, false,
           Family::Sweep::never},
    Family{FamilyId::promotions, "promotions", true, "the note of a promotion", Family::Verb::create, false,
           Family::Sweep::never},
    Family{FamilyId::claims, "claims", true, "the claim of a takeover", Family::Verb::create, false,
           Family::Sweep::owner},
    Family{FamilyId::cursors, "cursors", true, "a cursor's move", Family::Verb::create, false,
           Family::Sweep::owner},
    Family{FamilyId::probes, ".varve-doctor", true, "what the trial of a store has left",
           Family::Verb::create, false, Family::Sweep::owner},
};

[[nodiscard]] const Family& family(FamilyId id);

/// Which family `key` belongs to; nothing for a stranger: a key that no object of this log has.
[[nodiscard]] std::optional<FamilyId> family_of(std::string_view log_path, std::string_view key);

/// The logs among whose own objects a log at `log_path` would lie, if there are logs at these paths: the
/// names of the one could be taken for the other's.
[[nodiscard]] std::vector<std::string> enclosing_paths(std::string_view log_path);
/// The logs that would lie among the own objects of a log at `log_path`.
[[nodiscard]] std::vector<std::string> enclosed_paths(std::string_view log_path);

}  // namespace varve::format
