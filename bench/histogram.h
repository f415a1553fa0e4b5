// Counts of times, to within 2 %: buckets that grow with the value, so that adding one is an
// increment and the memory is fixed.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace varve::bench {

class Histogram {
 public:
  void add(std::uint64_t value) {
    ++buckets_[bucket_of(value)];
    ++count_;
    if (value > max_) max_ = value;
  }

  void add(const Histogram& other) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    if (other.max_ > max_) max_ = other.max_;
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }

  /// The value that `share` (0 to 1) of all are at or below; 0 if there are none.
  [[nodiscard]] std::uint64_t percentile(double share) const {
    const auto rank = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > rank || (seen == count_ && seen > 0)) return upper_end_of(i) < max_ ? upper_end_of(i) : max_;
    }
    return max_;
  }

 private:
  // 64 buckets for each doubling: the first 64 values have one each.
  static constexpr int sub_bits = 6;
  static constexpr std::size_t sub_buckets = std::size_t{1} << sub_bits;

  static std::size_t bucket_of(std::uint64_t value) {
    if (value < sub_buckets) return value;
    const int shift = std::bit_width(value) - 1 - sub_bits;
    return (static_cast<std::size_t>(shift + 1) << sub_bits) + ((value >> shift) - sub_buckets);
  }
  static std::uint64_t upper_end_of(std::size_t bucket) {
    if (bucket < sub_buckets) return bucket;
    const std::size_t shift = (bucket >> sub_bits) - 1;
    return (((bucket & (sub_buckets - 1)) + sub_buckets + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - sub_bits + 1) * sub_buckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace varve::bench
