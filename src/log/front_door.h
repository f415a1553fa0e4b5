// How every public function begins that is given a log.
#pragma once

#include <type_traits>
#include <utility>

#include "base/no_memory.h"
#include "varve/store.h"

namespace varve::log {

/// `invalid_argument` for an address without a store: one that was never filled in, or was moved from.
Result<void> check_store(const LogAddress& log);

/// `call()` on `log`, once that has a store; when memory runs out, an error like any other.
template <class Call>
std::invoke_result_t<Call> with_store(const LogAddress& log, Call&& call) {
  return with_memory([&]() -> std::invoke_result_t<Call> {
    if (const Result<void> there = check_store(log); !there) return there.error();
    return std::forward<Call>(call)();
  });
}

}  // namespace varve::log
