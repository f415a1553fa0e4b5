#include "cli/input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cli/wakeup.h"

namespace varve::cli {
namespace {

Error cannot_read(const std::string& name, int reason) {
  // Not `denied` or the like: that would be said of the store.
  const Code code = reason == EISDIR ? Code::invalid_argument : Code::not_found;
  return {code, fmt::format("cannot read '{}': {}", name, std::strerror(reason))};
}

}  // namespace

Input::Input(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}

Input::Input(Input&& other) noexcept : fd_(std::exchange(other.fd_, -1)), name_(std::move(other.name_)) {}

Input::~Input() {
  if (fd_ > STDIN_FILENO) ::close(fd_);
}

Result<Input> Input::open(const std::string& name) {
  if (name == "-") return Input(STDIN_FILENO, "standard input");
  const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return cannot_read(name, errno);
  Input input(fd, name);
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) return cannot_read(name, EISDIR);
  return input;
}

Result<std::size_t> Input::read(std::span<std::byte> into, const Wakeup& stop) {
  while (true) {
    std::array<pollfd, 2> waiting{{{fd_, POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return cannot_read(name_, errno);
    if (stop.is_set()) return std::size_t{0};
    if (waiting[0].revents == 0) continue;
    const auto got = ::read(fd_, into.data(), into.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR && errno != EAGAIN) return cannot_read(name_, errno);
  }
}

}  // namespace varve::cli
