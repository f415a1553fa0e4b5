#include "format/crc.h"

#include <isa-l/crc.h>
#include <isa-l/crc64.h>

#include <algorithm>

namespace varve::format {
namespace {

// ISA-L takes the length as an int.
constexpr std::size_t longest_call = std::size_t{1} << 30;

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
  // ISA-L works on the bare register: the inversions before and after are the caller's.
  std::uint32_t state = ~before;
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
