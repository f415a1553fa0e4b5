// What must never be: checked in every build, release included.
#pragma once

namespace varve {

/// Prints what was violated and where to standard error, and aborts: going on could lose data.
[[noreturn]] void invariant_violated(const char* condition, const char* file, int line) noexcept;

}  // namespace varve

#define VARVE_INVARIANT(condition) \
  ((condition) ? static_cast<void>(0) : ::varve::invariant_violated(#condition, __FILE__, __LINE__))
