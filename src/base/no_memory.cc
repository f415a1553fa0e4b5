#include "base/no_memory.h"

#include <cstdio>
#include <cstdlib>

namespace varve {

namespace {

// Never destroyed: a thread may still end a writer, which was destroyed in its callback, when the program
// exits. NOLINTBEGIN(cppcoreguidelines-owning-memory)
const Error& exhausted_without_effect =
    *new Error(Code::no_memory, "the system has no memory left, or no thread: free some, and try again");
const Error& exhausted = *new Error(exhausted_without_effect.with_outcome(WriteOutcome::unknown));
// NOLINTEND(cppcoreguidelines-owning-memory)

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
