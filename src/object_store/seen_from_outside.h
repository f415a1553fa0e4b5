// A log's place in a store that reaches further out.
#pragma once

#include "varve/store.h"

namespace varve::object_store {

/// The same place, named from a few directories further out: a store of files is rooted next to the log, and
/// what lies around that it does not see. In other stores, which are seen whole: `log` itself.
[[nodiscard]] LogAddress seen_from_outside(const LogAddress& log);

}  // namespace varve::object_store
