// What happens when the system has no memory (or no thread) to give. On a caller's thread: an error like
// any other, `Code::no_memory`. On a thread of ours, where nobody could take the error: the process ends
// with a message; what was acknowledged is stored, and the next open finds it.
#pragma once

#include <exception>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

#include "varve/result.h"

namespace varve {

/// Made at the program's start, for it cannot be made when it is needed. As for a write, its outcome is
/// unknown: something may have been sent before memory ran out.
[[nodiscard]] const Error& no_memory() noexcept;

/// The same for a call that has had no effect, whatever it was about to do.
[[nodiscard]] const Error& no_memory_without_effect() noexcept;

/// `call()`, with exhaustion as an error. `Result` of something is what it must return.
template <class Call>
std::invoke_result_t<Call> with_memory(Call&& call, const Error& exhausted = no_memory()) {
  try {
    return std::forward<Call>(call)();
  } catch (const std::bad_alloc&) {
    return exhausted;
  } catch (const std::system_error&) {  // a thread could not be started
    return exhausted;
  }
}

/// Prints which thread it was and what reached it, and aborts.
[[noreturn]] void end_process(const char* thread, const char* exception) noexcept;

/// `body()`, on a thread of ours: no exception leaves it.
template <class Body>
void run_or_end_process(const char* thread, Body&& body) noexcept {
  try {
    std::forward<Body>(body)();
  } catch (const std::bad_alloc&) {
    end_process(thread, nullptr);
  } catch (const std::exception& exception) {
    end_process(thread, exception.what());
  }
}

}  // namespace varve
