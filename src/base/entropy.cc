#include "base/entropy.h"

#include <random>

namespace varve::base {

constinit thread_local Entropy* Entropy::installed_ = nullptr;

std::uint64_t Entropy::draw() {
  if (installed_ != nullptr) return installed_->next();
  std::random_device device;  // the kernel's generator, on Linux
  const std::uint64_t high = device();
  return high << 32U | device();
}

}  // namespace varve::base
