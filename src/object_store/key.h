// What a key may look like (varve/store.h), in one place for every store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "varve/result.h"

namespace varve::object_store {

inline constexpr std::size_t max_key_bytes = 1024;
inline constexpr std::uint32_t max_listed = 1000;  ///< objects in one `Store::list`
inline constexpr std::size_t max_removed = 1000;   ///< keys in one `Store::remove`

/// `invalid_argument` unless `key` is 1 to 1024 bytes of UTF-8 without control characters,
/// '/'-separated, without empty, "." or ".." parts.
Result<void> check_key(std::string_view key);

/// `invalid_argument` unless `limit` is 1 to 1000.
Result<void> check_limit(std::uint32_t limit);

/// `invalid_argument` for more than 1000.
Result<void> check_key_count(std::size_t count);

}  // namespace varve::object_store
