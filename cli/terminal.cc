#include "cli/terminal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

namespace varve::cli {
namespace {

// xterm's second screen, and ECMA-48: long lines not wrapped, the cursor hidden; home, erase to a line's end,
// erase what is below.
constexpr const char* enter = "\x1b[?1049h\x1b[?7l\x1b[?25l";
constexpr const char* leave = "\x1b[?25h\x1b[?7h\x1b[?1049l";
constexpr const char* home = "\x1b[H";
constexpr const char* line_end = "\x1b[K";
constexpr const char* erase_below = "\x1b[J";

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// How many lines there is room for; the most if the terminal does not say.
std::size_t rows() {
  winsize size{};
  const bool said = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  return said ? size.ws_row : std::numeric_limits<std::size_t>::max();
}

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
  std::vector<std::string_view> lines = lines_of(text);
  // The last one says how it ends, and stays.
  if (const std::size_t most = rows(); lines.size() > most) {
    lines[most - 1] = lines.back();
    lines.resize(most);
  }
  std::string screen = home;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) screen += '\n';
    screen += lines[i];
    screen += line_end;
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
