// A log of its own for one run, whose objects are deleted afterwards.
#pragma once

#include <string_view>

#include "varve/store.h"

namespace varve::bench {

/// Movable; the last owner's end deletes everything under the log's path, as far as the store lets it.
class Scratch {
 public:
  /// A fresh place in the store that `store_uri` names.
  static Result<Scratch> make(std::string_view store_uri);
  Scratch(Scratch&& other) noexcept = default;
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch();

  [[nodiscard]] const LogAddress& log() const { return log_; }

 private:
  explicit Scratch(LogAddress log) : log_(std::move(log)) {}
  LogAddress log_;
};

}  // namespace varve::bench
