// What the fuzzers of this folder share: libFuzzer's entry point, and its bytes as ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

/// libFuzzer calls this again and again. A property that does not hold aborts: VARVE_INVARIANT.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace varve::fuzz {

using Input = std::span<const std::byte>;

inline Input input_of(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

/// Bytes of their own, with nothing behind them: AddressSanitizer sees the first that is read too many.
inline std::vector<std::byte> copy_of(Input bytes) { return {bytes.begin(), bytes.end()}; }

inline std::string_view text_of(Input bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace varve::fuzz
