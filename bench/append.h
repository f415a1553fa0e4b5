// One run of one way to append: on a scratch log, witnessed, and verified.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "bench/figures.h"
#include "bench/load.h"
#include "varve/writer.h"

namespace varve::bench {

enum class Way : std::uint8_t { varve, bare, mutex, unordered, raw };

[[nodiscard]] std::string_view name_of(Way way);
/// Nothing for a name that is none.
[[nodiscard]] std::optional<Way> way_named(std::string_view name);

struct AppendTrial {
  std::shared_ptr<Store> store;
  Load load;
  WriterOptions writer;
};

/// Appends, and reads it back: wrong records are an error, not figures. `raw` puts objects of the sizes
/// that `of_varve` had, in the same number.
Result<Figures> append_once(Way way, const AppendTrial& trial, const Figures& of_varve, Live& live);

}  // namespace varve::bench
