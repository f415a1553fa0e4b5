// Making `Bytes`.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "varve/store.h"

namespace varve::object_store {

/// A copy of `data` with an owner of its own.
inline Bytes copy_bytes(std::span<const std::byte> data) {
  auto memory = std::make_shared_for_overwrite<std::byte[]>(data.size());
  if (!data.empty()) std::memcpy(memory.get(), data.data(), data.size());
  const std::span<const std::byte> view(memory.get(), data.size());
  return {.data = view, .owner = std::move(memory)};
}

inline Bytes copy_bytes(std::string_view text) { return copy_bytes(std::as_bytes(std::span(text))); }

/// What of `range` exists in an object of `object_bytes`; the offset then is at most the size.
inline ByteRange clamp(ByteRange range, std::uint64_t object_bytes) {
  if (range.offset >= object_bytes) return {.offset = object_bytes, .length = 0};
  const std::uint64_t rest = object_bytes - range.offset;
  return {.offset = range.offset, .length = range.length < rest ? range.length : rest};
}

}  // namespace varve::object_store
