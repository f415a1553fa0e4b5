// Failures on their way to C: an `Error` behind a handle, and no exception out of any function.
#pragma once

#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "varve/result.h"
#include "varve/varve.h"

/// Empty: memory was exhausted, and so there is nothing to say it with.
struct varve_error {
  std::optional<varve::Error> error = {};
};

namespace varve::bindings {

/// The caller's from now on. Never null; needs no memory where there is none.
[[nodiscard]] varve_error* make_error(const Error& error) noexcept;
/// The one error that nobody allocated; freeing it does nothing.
[[nodiscard]] varve_error* out_of_memory() noexcept;
[[nodiscard]] varve_code code_of(Code code) noexcept;

/// A handle, or a place for a result, that is not there.
inline Error missing(const char* what) {
  return {Code::invalid_argument, std::string(what) + " must not be NULL"};
}

/// Tells C what became of a call: the code is returned, and the error handed out where it is wanted.
template <class T>
varve_code tell(const Result<T>& result, varve_error** error) noexcept {
  if (error != nullptr) *error = result ? nullptr : make_error(result.error());
  return result ? VARVE_OK : code_of(result.error().code());
}

/// Runs `work`, which returns a Result, and tells.
template <class Work>
varve_code guarded(varve_error** error, Work&& work) noexcept {
  try {
    return tell(std::forward<Work>(work)(), error);
  } catch (const std::bad_alloc&) {
    if (error != nullptr) *error = out_of_memory();
    return VARVE_OUT_OF_MEMORY;
  } catch (const std::exception& defect) {
    return tell(Result<void>(Error(Code::internal, defect.what())), error);
  }
}

}  // namespace varve::bindings
