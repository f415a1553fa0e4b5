// A log of its own for one run, whose objects are deleted afterwards.
#pragma once

#include <memory>

#include "bench/recorder.h"
#include "varve/store.h"

namespace varve::bench {

/// Movable; the last owner's end deletes everything under the log's path, as far as the store lets it.
class Scratch {
 public:
  /// A fresh place in `store`, with a witness.
  explicit Scratch(std::shared_ptr<Store> store);
  Scratch(Scratch&& other) noexcept = default;
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch();

  /// Requests through this address are noted by the witness.
  [[nodiscard]] const LogAddress& log() const { return log_; }
  [[nodiscard]] const std::shared_ptr<Recorder>& witness() const { return witness_; }

 private:
  std::shared_ptr<Recorder> witness_;
  LogAddress log_;
};

}  // namespace varve::bench
