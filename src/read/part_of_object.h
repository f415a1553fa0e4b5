// A part of an object, and the proof that it is of that object.
#pragma once

#include <cstdint>

#include "format/header.h"
#include "log/log_store.h"

namespace varve::read {

/// Bytes `begin` to `end` of the object that `header` was read from; `begin` is behind the header. The header
/// is read again beside them: the same name may hold an object of another history by now. Blocks. Errors: the
/// store's answers; `timed_out`; `corruption`: another object is there, or a damaged one.
Result<Bytes> part_of_object(const log::LogStore& log_store, const format::Header& header,
                             std::uint64_t begin, std::uint64_t end, log::Deadline deadline);

/// Whether `front` begins with `header`. Errors: `corruption` and those of `decode_header`.
Result<void> expect_header(const Bytes& front, const format::Header& header);

}  // namespace varve::read
