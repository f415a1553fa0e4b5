// Checksums: the one place that calls the library for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace varve::format {

/// CRC-32C (Castagnoli, as in RFC 3720) of `bytes`, continuing from `before`: the checksum of what
/// came before them, or any seed. Two seeds never give the same checksum for the same bytes.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0) noexcept;

/// As it is stored.
inline constexpr std::size_t crc32c_bytes = 4;

/// CRC-64 (ECMA-182, reflected, as in XZ) of `bytes`.
[[nodiscard]] std::uint64_t crc64(std::span<const std::byte> bytes) noexcept;

}  // namespace varve::format
