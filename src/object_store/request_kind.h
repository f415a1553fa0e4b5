// The five requests a store knows, for those who count or script them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace varve::object_store {

enum class RequestKind : std::uint8_t { put_if_absent, put, get, list, remove };

inline constexpr std::size_t request_kinds = 5;

[[nodiscard]] constexpr bool is_write(RequestKind kind) {
  return kind == RequestKind::put_if_absent || kind == RequestKind::put;
}

}  // namespace varve::object_store
