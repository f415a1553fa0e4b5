#include "log/system.h"

#include <unistd.h>

#include <array>
#include <cstring>

#include "base/entropy.h"

namespace varve::log {

format::Id random_id() {
  format::Id id;
  for (std::size_t i = 0; i < id.bytes.size(); i += sizeof(std::uint64_t)) {
    const std::uint64_t word = base::Entropy::draw();
    std::memcpy(&id.bytes[i], &word, sizeof(word));
  }
  return id;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("unknown");
}

std::uint64_t process_id() { return static_cast<std::uint64_t>(::getpid()); }

}  // namespace varve::log
