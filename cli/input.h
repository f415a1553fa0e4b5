// Reading the files and pipes that records come from.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "varve/result.h"

namespace varve::cli {

class Wakeup;

/// A file, or standard input for "-". Not thread-safe.
class Input {
 public:
  /// Errors: `not_found` (whatever keeps it from being read), `invalid_argument` (a directory).
  static Result<Input> open(const std::string& name);

  Input(Input&& other) noexcept;
  Input& operator=(Input&&) = delete;
  ~Input();

  /// Waits for some bytes and reads them; none at the end, or when `stop` was set.
  Result<std::size_t> read(std::span<std::byte> into, const Wakeup& stop);

  /// For messages.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  Input(int fd, std::string name);

  int fd_;
  std::string name_;
};

}  // namespace varve::cli
