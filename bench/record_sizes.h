// How large the records of a load are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "varve/result.h"

namespace varve::bench {

/// A distribution of sizes, drawn once and then gone through again and again: the size of a record
/// follows from who appended it and as which, so that whoever reads it back knows it, too.
class RecordSizes {
 public:
  /// The smallest record: it must hold a `Stamp`.
  static constexpr std::size_t least = 16;

  explicit RecordSizes(std::size_t bytes)
      : drawn_{static_cast<std::uint32_t>(bytes)}, text_(std::to_string(bytes)) {}

  /// "100", "4KiB": all the same. "100-4KiB": any between, equally likely. "100:9,4KiB:1": nine in ten,
  /// one in ten.
  static Result<RecordSizes> parse(std::string_view text);

  [[nodiscard]] std::size_t of(std::uint64_t producer, std::uint64_t number) const {
    return drawn_.size() == 1 ? drawn_.front() : drawn_[(number + producer * producer_step) % drawn_.size()];
  }
  [[nodiscard]] std::size_t most() const;
  [[nodiscard]] double mean() const;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  static constexpr std::uint64_t producer_step = 97;
  RecordSizes(std::vector<std::uint32_t> drawn, std::string_view text)
      : drawn_(std::move(drawn)), text_(text) {}

  std::vector<std::uint32_t> drawn_;
  std::string text_;
};

}  // namespace varve::bench
