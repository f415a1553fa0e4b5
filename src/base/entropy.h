// Random bits from the system, for names that nobody else has; a simulator puts its own source there.
#pragma once

#include <cstdint>

namespace varve::base {

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual std::uint64_t next() = 0;

  /// Installs a source on the calling thread; null removes it.
  static void install(Entropy* source) noexcept { installed_ = source; }
  /// 64 bits of the installed source, or of the kernel.
  static std::uint64_t draw();

 private:
  static constinit thread_local Entropy* installed_;  // NOLINT(readability-identifier-naming): private
};

}  // namespace varve::base
