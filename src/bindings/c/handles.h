// What C holds by a pointer, and options that grow.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>

#include "bindings/c/failure.h"
#include "varve/store.h"

struct varve_log {
  varve::LogAddress address;
};

namespace varve::bindings {

/// VARVE_FOREVER, and what comes near it, is the far end of C++'s milliseconds.
[[nodiscard]] inline std::chrono::milliseconds patience_of(std::uint64_t timeout_ms) noexcept {
  constexpr auto longest = std::chrono::milliseconds::max();
  return timeout_ms >= static_cast<std::uint64_t>(longest.count())
             ? longest
             : std::chrono::milliseconds(static_cast<std::int64_t>(timeout_ms));
}

/// Gives C the `defaults`, as far as its struct reaches.
template <class Options>
void initialize(Options* options, std::size_t struct_bytes, Options defaults) noexcept {
  if (options == nullptr) return;
  defaults.struct_bytes = struct_bytes;
  std::memset(static_cast<void*>(options), 0, struct_bytes);
  std::memcpy(static_cast<void*>(options), &defaults, std::min(struct_bytes, sizeof defaults));
}

/// What C asks for: `defaults` where it says nothing, as its struct is an older and shorter one.
template <class Options>
Result<Options> options_from(const Options* options, Options defaults) {
  if (options == nullptr) return defaults;
  if (options->struct_bytes < sizeof options->struct_bytes) {
    return Error(Code::invalid_argument, "the options were not initialized: call their _init function first");
  }
  if (options->struct_bytes > sizeof defaults) {
    return Error(Code::unsupported,
                 "the options are a newer header's: link the library that belongs to that header");
  }
  std::memcpy(static_cast<void*>(&defaults), options, options->struct_bytes);
  return defaults;
}

/// Hands out a `Handle`, called `name`, once `open(address, options, handle)` has put into it what it stands
/// for. The handle is made first: what has been opened is never lost for want of memory.
template <class Handle, class Options, class Open>
varve_code open_handle(const varve_log* log, const Options* options, const Options& defaults, Handle** handle,
                       const char* name, varve_error** error, Open open) noexcept {
  return guarded(error, [&]() -> Result<void> {
    if (log == nullptr) return missing("log");
    if (handle == nullptr) return missing(name);
    const Result<Options> wanted = options_from(options, defaults);
    if (!wanted) return wanted.error();
    auto made = std::make_unique<Handle>();
    if (const Result<void> opened = open(log->address, *wanted, *made); !opened) return opened;
    *handle = made.release();
    return {};
  });
}

}  // namespace varve::bindings
