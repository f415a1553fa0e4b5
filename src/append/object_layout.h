// Finishes the object that a batch is stored as, in the batch's own memory, but for its header.
#pragma once

#include <span>

#include "append/batching/batch.h"
#include "append/compression/compressor.h"
#include "protocol/appender.h"
#include "varve/store.h"

namespace varve::append {

/// What the batch is, for the header; its index and trailer are written. `compressed`: null if the batch goes
/// as it is.
[[nodiscard]] protocol::BatchShape lay_out(Batch& batch, const Compressed* compressed);

/// An object without records; its header goes to the front.
struct EmptyObject {
  Bytes object;
  std::span<std::byte, format::header_bytes> header;
};
[[nodiscard]] EmptyObject empty_object();

}  // namespace varve::append
