#include "cli/interruption.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "cli/report.h"

namespace varve::cli {
namespace {

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

Interruption::Interruption() : signals_fd_(-1) {
  const sigset_t set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_fd_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  watcher_ = std::thread([this] { watch(); });
}

Interruption::~Interruption() {
  quit_.set();
  watcher_.join();
  ::close(signals_fd_);
}

void Interruption::defer(std::function<void()> on_signal) {
  on_signal_ = std::move(on_signal);
  deferred_.store(true, std::memory_order_release);
}

void Interruption::end_by(int signal) {
  std::signal(signal, SIG_DFL);
  const sigset_t set = ending_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  std::raise(signal);
  std::_Exit(128 + signal);
}

void Interruption::watch() {
  while (true) {
    std::array<pollfd, 2> waiting{{{signals_fd_, POLLIN, 0}, {quit_.fd(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(signals_fd_, &info, sizeof info) == sizeof info) take(static_cast<int>(info.ssi_signo));
  }
}

void Interruption::take(int signal) {
  if (!deferred_.load(std::memory_order_acquire)) end_by(signal);
  if (this->signal() != 0) {
    complain("ended at once, by a second signal; what was not acknowledged may or may not be in the log");
    end_by(signal);
  }
  signal_.store(signal, std::memory_order_release);
  on_signal_();
}

}  // namespace varve::cli
