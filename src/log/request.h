// One request to a store, repeated until it has an answer: for whoever keeps other objects beside a log's.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

#include "base/clock.h"
#include "log/deadline.h"
#include "object_store/blocking.h"
#include "protocol/retry.h"
#include "varve/store.h"

namespace varve::log {

/// Whether the store has said something that asking again would not change.
[[nodiscard]] bool is_an_answer(const Error& error);

/// Sleeps, or less if `deadline` comes first.
void rest(std::uint64_t pause_ms, Deadline deadline);

/// Blocks. `send` hands a new request to the store each time. Errors: the store's answer; `timed_out`
/// with its last complaint, with the outcome `unknown`.
template <class T>
Result<T> ask(const std::function<void(Store::Done<T>)>& send, Deadline deadline) {
  protocol::Backoff backoff({}, static_cast<std::uint64_t>(deadline.time_since_epoch().count()));
  std::string complaint;
  for (std::uint32_t tries = 1;; ++tries) {
    const object_store::Answer<T> answer;
    send(answer.done());
    const std::optional<Result<T>> result =
        deadline == Deadline::max() ? std::optional(answer.wait()) : answer.wait_until(deadline);
    if (result && (*result || is_an_answer(result->error()))) return *result;
    if (result) complaint = "; last: " + result->error().message();
    if (base::now() >= deadline) {
      return Error(Code::timed_out, "gave up waiting for the store" + complaint)
          .with_outcome(WriteOutcome::unknown);
    }
    rest(backoff.pause_ms(tries), deadline);
  }
}

}  // namespace varve::log
