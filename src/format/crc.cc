#include "format/crc.h"

#include <isa-l/crc.h>
#include <isa-l/crc64.h>

#include <algorithm>
#include <cstring>

namespace varve::format {
namespace {

// ISA-L takes the length as an int.
constexpr std::size_t longest_call = std::size_t{1} << 30;

#if defined(__x86_64__)

// Below this the processor's own CRC instruction, 8 bytes at a time, is twice as fast as folding, which
// has to begin and end; above, folding is, by far (docs/performance.md).
constexpr std::size_t short_bytes = 256;

const bool has_crc_instruction = __builtin_cpu_supports("sse4.2") != 0;

__attribute__((target("sse4.2"))) std::uint32_t crc32c_of_short(std::span<const std::byte> bytes,
                                                                std::uint32_t state) noexcept {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t wide = state;
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, at, sizeof eight);
    wide = __builtin_ia32_crc32di(wide, eight);
  }
  auto narrow = static_cast<std::uint32_t>(wide);
  for (; left > 0; ++at, --left) narrow = __builtin_ia32_crc32qi(narrow, static_cast<unsigned char>(*at));
  return narrow;
}

#else

constexpr std::size_t short_bytes = 0;
constexpr bool has_crc_instruction = false;
std::uint32_t crc32c_of_short(std::span<const std::byte> /*bytes*/, std::uint32_t state) noexcept {
  return state;
}

#endif

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
  // ISA-L works on the bare register: the inversions before and after are the caller's.
  std::uint32_t state = ~before;
  if (bytes.size() < short_bytes && has_crc_instruction) return ~crc32c_of_short(bytes, state);
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(bytes.size(), longest_call));
    // The parameter lacks a const; nothing is written through it.
    auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(part.data()));
    state = crc32_iscsi(data, static_cast<int>(part.size()), state);
    bytes = bytes.subspan(part.size());
  }
  return ~state;
}

std::uint64_t crc64(std::span<const std::byte> bytes) noexcept {
  // Unlike the 32-bit function, this one inverts by itself.
  return crc64_ecma_refl(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

}  // namespace varve::format
