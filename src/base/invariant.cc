#include "base/invariant.h"

#include <cstdio>
#include <cstdlib>

namespace varve {

void invariant_violated(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "varve: invariant violated: %s (%s:%d); please report this\n", condition, file, line);
  std::abort();
}

}  // namespace varve
