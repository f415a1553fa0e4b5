#include "cli/terminal.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace varve::cli {
namespace {

// xterm's second screen, and ECMA-48: the cursor hidden; home, erase to a line's end, erase what is below.
constexpr const char* enter = "\x1b[?1049h\x1b[?25l";
constexpr const char* leave = "\x1b[?25h\x1b[?1049l";
constexpr const char* home = "\x1b[H";
constexpr const char* line_end = "\x1b[K\n";
constexpr const char* erase_below = "\x1b[J";

}  // namespace

bool Terminal::there_is_one() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1; }

Terminal::Terminal() {
  ::tcgetattr(STDIN_FILENO, &before_);
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  fmt::print("{}", enter);
  std::fflush(stdout);
}

Terminal::~Terminal() {
  fmt::print("{}", leave);
  std::fflush(stdout);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void Terminal::draw(std::string_view text) {
  std::string screen = home;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    screen += text.substr(0, end);
    screen += line_end;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  screen += erase_below;
  fmt::print("{}", screen);
  std::fflush(stdout);
}

char Terminal::wait_for_key(std::chrono::milliseconds most, const Wakeup& stop) {
  std::array<pollfd, 2> waiting{{{STDIN_FILENO, POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  if (::poll(waiting.data(), waiting.size(), static_cast<int>(most.count())) <= 0) return 0;
  char key = 0;
  if (waiting[0].revents != 0 && ::read(STDIN_FILENO, &key, 1) == 1) return key;
  return 0;
}

}  // namespace varve::cli
