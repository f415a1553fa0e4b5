// "Did you mean ...?"
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace varve::cli {

/// The word that is at most two slips (a letter too many, too few, or wrong) from what was typed;
/// nothing if none is, or if everything was mistyped.
[[nodiscard]] std::optional<std::string> nearest(const std::string& typed,
                                                 const std::vector<std::string>& words);

}  // namespace varve::cli
