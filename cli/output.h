// Standard output through a large buffer.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace varve::cli {

/// Not thread-safe. What is not flushed when it is destroyed is lost.
class Output {
 public:
  Output();

  void write(std::string_view text);
  void write(std::span<const std::byte> bytes);
  void flush();

  /// Nobody reads any more (a closed pipe, as of `head`): what is written goes nowhere.
  [[nodiscard]] bool closed() const { return closed_; }

  /// Why a write failed for another reason, such as a full disk; 0 if none did.
  [[nodiscard]] int error() const { return error_; }

  /// No use in writing more.
  [[nodiscard]] bool ended() const { return closed_ || error_ != 0; }

 private:
  void write_through(std::string_view text);

  std::string buffer_;
  bool closed_ = false;
  int error_ = 0;
};

}  // namespace varve::cli
