// How a body may be compressed.
#pragma once

#include <cstdint>
#include <string_view>

namespace varve::format {

enum class Codec : std::uint32_t {
  none = 0,  ///< the body is stored as it is
  lz4 = 1,   ///< each block in LZ4's block format
  zstd = 2,  ///< each block a Zstandard frame
};
inline constexpr std::uint32_t codecs = 3;

[[nodiscard]] constexpr std::string_view to_string(Codec codec) noexcept {
  switch (codec) {
    case Codec::none:
      return "none";
    case Codec::lz4:
      return "lz4";
    case Codec::zstd:
      return "zstd";
  }
  return "unknown";
}

}  // namespace varve::format
