// An object as it was before it was compressed: where its records lie.
#pragma once

#include <memory>

#include "format/header.h"
#include "store/mapped_memory.h"
#include "varve/store.h"

namespace varve::reader {

/// `object`, whose header is `header`, so that its records are where index and `RecordCursor` expect them:
/// itself, or decompressed into memory from `memory`, without a trailer. Errors: `corruption`, `no_memory`.
Result<Bytes> unpacked(const Bytes& object, const format::Header& header, store::BodyMemory& memory);

}  // namespace varve::reader
