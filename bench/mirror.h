// How fast a log is mirrored, against the store alone: the same objects got and put.
#pragma once

#include "bench/recover.h"
#include "varve/mirror.h"

namespace varve::bench {

/// Mirrors `log` to a fresh place in `store`, which is deleted afterwards. Bytes and records are of objects.
Result<Figures> mirror_once(const WrittenLog& log, std::shared_ptr<Store> store,
                            const MirrorOptions& options);

/// Gets each of its objects and creates it at a fresh place, `in_flight` at once; verifies nothing.
Result<Figures> copy_raw(const WrittenLog& log, std::shared_ptr<Store> store, std::uint32_t in_flight);

}  // namespace varve::bench
