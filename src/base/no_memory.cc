#include "base/no_memory.h"

#include <cstdio>
#include <cstdlib>

namespace varve {

namespace {

const Error exhausted_without_effect(Code::no_memory,
                                     "the system has no memory left, or no thread: free some, and try again");
const Error exhausted = exhausted_without_effect.with_outcome(WriteOutcome::unknown);

}  // namespace

const Error& no_memory() noexcept { return exhausted; }
const Error& no_memory_without_effect() noexcept { return exhausted_without_effect; }

void end_process(const char* thread, const char* exception) noexcept {
  if (exception == nullptr) {
    std::fprintf(
        stderr,
        "varve: memory is exhausted on the thread of %s; ending the process. What was acknowledged is "
        "stored: open the log again\n",
        thread);
  } else {
    std::fprintf(stderr, "varve: an exception has reached the thread of %s, ending the process: %s\n", thread,
                 exception);
  }
  std::abort();
}

}  // namespace varve
