// An object as it was before it was compressed: where its records lie.
#pragma once

#include <memory>

#include "base/mapped_memory.h"
#include "format/header.h"
#include "varve/store.h"

namespace varve::read {

/// `object`, whose header is `header`, so that its records are where index and `RecordCursor` expect them:
/// itself, or decompressed into memory from `memory`, without a trailer. Errors: `corruption`, `no_memory`.
Result<Bytes> unpacked(const Bytes& object, const format::Header& header, object_store::BodyMemory& memory);

}  // namespace varve::read
