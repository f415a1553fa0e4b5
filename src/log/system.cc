#include "log/system.h"

#include <unistd.h>

#include <array>
#include <cstring>
#include <random>

namespace varve::log {

format::Id random_id() {
  format::Id id;
  std::random_device device;  // the kernel's generator, on Linux
  for (std::size_t i = 0; i < id.bytes.size(); i += 4) {
    const std::uint32_t word = device();
    std::memcpy(&id.bytes[i], &word, 4);
  }
  return id;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("unknown");
}

std::uint64_t process_id() { return static_cast<std::uint64_t>(::getpid()); }

}  // namespace varve::log
