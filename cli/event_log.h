// Events of a writer as lines on standard error, with time and severity.
#pragma once

#include "varve/event.h"

namespace varve::cli {

/// How much is said.
enum class Verbosity : std::uint8_t {
  quiet,       ///< nothing
  remarkable,  ///< what an operator may have to look into; not the end, which the command reports itself
  all,
};

/// Writes what `verbosity` lets through. Thread-safe.
[[nodiscard]] EventCallback event_log(Verbosity verbosity);

}  // namespace varve::cli
