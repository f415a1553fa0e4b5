// 128 bits that stand for a state: of a hundred million states, no two share one by chance (that would
// be one in 10^22), where 64 bits would mix up a few hundred and hide what lies behind them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace varve::sim {

struct Fingerprint {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;

  /// Sums stand for what has no order.
  Fingerprint& operator+=(const Fingerprint& other) {
    low += other.low;
    high += other.high;
    return *this;
  }
  Fingerprint& operator-=(const Fingerprint& other) {
    low -= other.low;
    high -= other.high;
    return *this;
  }

  Fingerprint& add(std::uint64_t value) {
    low = scramble((low ^ value) * 0x9e3779b97f4a7c15U);
    high = scramble((high + value) * 0xd6e8feb86659fd93U);
    return *this;
  }
  Fingerprint& add(const Fingerprint& other) { return add(other.low).add(other.high); }
  Fingerprint& add(std::span<const std::byte> bytes) {
    add(bytes.size());
    for (; bytes.size() >= sizeof(std::uint64_t); bytes = bytes.subspan(sizeof(std::uint64_t))) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data(), sizeof(word));
      add(word);
    }
    for (const std::byte byte : bytes) add(static_cast<std::uint64_t>(byte));
    return *this;
  }

 private:
  static std::uint64_t scramble(std::uint64_t value) { return value ^ (value >> 29U); }
};

/// Sixteen bytes a state, and up to half as many again free.
class FingerprintSet {
 public:
  /// Whether it was not there yet.
  bool insert(Fingerprint value) {
    if (value == Fingerprint{}) value.low = 1;  // all zero: free
    if (count_ * 10 >= places_.size() * 7) grow();
    if (!place(value)) return false;
    ++count_;
    return true;
  }
  [[nodiscard]] std::uint64_t size() const { return count_; }

 private:
  bool place(const Fingerprint& value) {
    std::size_t at = value.low & (places_.size() - 1);
    while (places_[at] != Fingerprint{}) {
      if (places_[at] == value) return false;
      at = (at + 1) & (places_.size() - 1);
    }
    places_[at] = value;
    return true;
  }
  void grow() {
    std::vector<Fingerprint> old(places_.size() * 2);
    old.swap(places_);
    for (const Fingerprint& value : old) {
      if (value != Fingerprint{}) place(value);
    }
  }

  std::vector<Fingerprint> places_ = std::vector<Fingerprint>(1U << 16);
  std::uint64_t count_ = 0;
};

}  // namespace varve::sim
