// Little-endian fields, one after the other, whatever machine this is.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "base/invariant.h"
#include "format/header.h"

namespace varve::format {

/// Puts fields into bytes that are known to have room.
class FieldWriter {
 public:
  explicit FieldWriter(std::span<std::byte> out) : out_(out) {}

  template <std::integral T>
  void field(T value) {
    const auto bits = static_cast<std::make_unsigned_t<T>>(value);
    std::span<std::byte> place = take(sizeof(T));
    for (std::size_t i = 0; i < sizeof(T); ++i) place[i] = static_cast<std::byte>(bits >> (8 * i));
  }
  void field(const Id& id) { bytes(std::as_bytes(std::span(id.bytes))); }
  void bytes(std::span<const std::byte> from) { std::ranges::copy(from, take(from.size()).begin()); }
  void zeros(std::size_t count) { std::ranges::fill(take(count), std::byte{0}); }

 private:
  std::span<std::byte> take(std::size_t count) {
    VARVE_INVARIANT(count <= out_.size());
    const auto place = out_.first(count);
    out_ = out_.subspan(count);
    return place;
  }

  std::span<std::byte> out_;
};

/// Takes fields from bytes that may be too few: what is missing reads as zero, and `ran_out` says so.
class FieldReader {
 public:
  explicit FieldReader(std::span<const std::byte> in) : in_(in) {}

  template <std::integral T>
  void field(T& value) {
    std::make_unsigned_t<T> bits = 0;
    const auto place = take(sizeof(T));
    for (std::size_t i = 0; i < place.size(); ++i) {
      bits = static_cast<decltype(bits)>(bits | static_cast<decltype(bits)>(place[i]) << (8 * i));
    }
    value = static_cast<T>(bits);
  }
  void field(Id& id) {
    id = {};
    std::ranges::copy(take(id.bytes.size()), std::as_writable_bytes(std::span(id.bytes)).begin());
  }
  void zeros(std::size_t count) {
    const auto place = take(count);
    only_zeros_ &= std::ranges::all_of(place, [](std::byte b) { return b == std::byte{0}; });
  }
  /// The next `count` bytes; none if there are fewer.
  std::span<const std::byte> take(std::size_t count) {
    if (count > in_.size()) {
      ran_out_ = true;
      in_ = {};
      return {};
    }
    const auto place = in_.first(count);
    in_ = in_.subspan(count);
    return place;
  }

  [[nodiscard]] std::size_t left() const { return in_.size(); }
  [[nodiscard]] bool ran_out() const { return ran_out_; }
  /// Every byte that `zeros` passed was one.
  [[nodiscard]] bool only_zeros() const { return only_zeros_; }

 private:
  std::span<const std::byte> in_;
  bool ran_out_ = false;
  bool only_zeros_ = true;
};

/// One integer at `position`, which lies within `bytes`.
template <std::integral T>
[[nodiscard]] T field_at(std::span<const std::byte> bytes, std::size_t position) {
  T value = 0;
  FieldReader(bytes.subspan(position)).field(value);
  return value;
}

}  // namespace varve::format
