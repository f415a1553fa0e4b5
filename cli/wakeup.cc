#include "cli/wakeup.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace varve::cli {

Wakeup::Wakeup() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ >= 0) return;
  std::perror("varve: eventfd");
  std::exit(1);
}

Wakeup::~Wakeup() { ::close(fd_); }

void Wakeup::set() noexcept {
  set_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  // Can fail only when it is readable already.
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
}

void Wakeup::wait(std::chrono::milliseconds most) const noexcept {
  pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
  ::poll(&waiting, 1, static_cast<int>(most.count()));
}

}  // namespace varve::cli
