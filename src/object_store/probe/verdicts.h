// What trials prove. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "varve/doctor.h"

namespace varve::object_store {

/// What a trial showed.
struct Seen {
  bool ok = true;
  std::string what;
};

/// Many creates of one name at once, each with a body of its own.
struct Race {
  std::vector<bool> won;              ///< was told so
  std::optional<std::size_t> holder;  ///< whose body is stored; none: nobody's
};

/// What is wrong with how a race went; empty if nothing is.
[[nodiscard]] std::string flaw_of(const Race& race);

/// What is wrong with pages of a listing whose `wanted` names (in order) were asked for `limit` at a
/// time; empty if nothing is.
[[nodiscard]] std::string flaw_of_pages(std::span<const std::vector<std::string>> pages, std::size_t limit,
                                        std::span<const std::string> wanted);

/// What a store's clock shows that is so far ahead of ours.
[[nodiscard]] Seen seen_of_clock(std::chrono::seconds ahead);

/// The errors that keep us from looking; all others are a store's way of saying that it cannot.
[[nodiscard]] bool prevents_looking(Code code) noexcept;

/// No log may live where it fails.
[[nodiscard]] bool is_needed(Capability capability) noexcept;

/// What a log needs it for, in a sentence.
[[nodiscard]] std::string_view why_it_matters(Capability capability) noexcept;

}  // namespace varve::object_store
