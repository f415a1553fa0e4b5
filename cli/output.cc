#include "cli/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace varve::cli {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;

}  // namespace

Output::Output() { buffer_.reserve(buffer_bytes); }

void Output::write(std::string_view text) {
  if (buffer_.size() + text.size() > buffer_bytes) flush();
  if (text.size() > buffer_bytes) {
    write_through(text);
  } else {
    buffer_.append(text);
  }
}

void Output::write(std::span<const std::byte> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void Output::flush() {
  write_through(buffer_);
  buffer_.clear();
}

void Output::write_through(std::string_view text) {
  while (!text.empty() && !ended()) {
    const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      closed_ = true;
    } else if (errno == EAGAIN) {
      // Somebody made the terminal or pipe we share non-blocking.
      pollfd waiting{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&waiting, 1, -1);
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
}

}  // namespace varve::cli
