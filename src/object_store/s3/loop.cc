#include "object_store/s3/loop.h"

#include "base/no_memory.h"
#include "base/thread.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <random>
#include <utility>

namespace varve::object_store::s3 {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

/// The application's signal handlers run elsewhere; and a broken connection under OpenSSL raises
/// SIGPIPE, which stays pending here.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Result<std::shared_ptr<Loop>> Loop::start(Settings settings, CredentialsKeeper::Source source) {
  auto transport =
      Transport::create({.base_url = settings.path_style ? settings.endpoint : settings.base_url(),
                         .ca_file = settings.ca_file,
                         .proxy = settings.proxy,
                         .connect_timeout = settings.connect_timeout,
                         .stall_timeout = settings.stall_timeout},
                        settings.max_in_flight);
  if (!transport) return transport.error();
  std::shared_ptr<Loop> loop(new Loop(std::move(settings), *std::move(transport), std::move(source)));
  // The thread keeps the loop alive: the store may be let go from within a `done`.
  loop->thread_ =
      base::Thread([loop] { run_or_end_process("an S3 store's requests", [&] { loop->run(); }); });
  return loop;
}

Loop::Loop(Settings settings, std::unique_ptr<Transport> transport, CredentialsKeeper::Source source)
    : settings_(std::move(settings)),
      host_(settings_.host()),
      dialect_(settings_),
      transport_(std::move(transport)),
      engine_(settings_, *this, std::random_device()()) {
  if (!source) return;
  engine_.hold();
  keeper_ = std::make_unique<CredentialsKeeper>(std::move(source), [this] { transport_->wake(); });
}

Loop::~Loop() = default;

void Loop::submit(std::unique_ptr<Operation> operation) {
  std::unique_ptr<Operation> refused;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      refused = std::move(operation);
    } else {
      inbox_.push_back(std::move(operation));
      if (inbox_.size() > 1) return;  // whoever was first woke the thread
    }
  }
  if (refused) return refused->fail(closed(*refused));
  // The loop's own thread looks into the inbox before it waits again.
  if (base::Thread::current() != thread_.id()) transport_->wake();
}

void Loop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  transport_->wake();
  if (base::Thread::current() == thread_.id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void Loop::run() {
  block_signals();
  while (take_in()) {
    const Moment now = steady_clock::now();
    follow_credentials(now);
    for (auto& operation : taken_in_) engine_.submit(std::move(operation), now);
    taken_in_.clear();
    ask_for_credentials();
    engine_.tick(now);
    for (auto& [attempt, answer] : transport_->poll(patience(now))) {
      const std::int64_t now_unix_s = system_clock::to_time_t(system_clock::now());
      note_clock(answer, now_unix_s);
      engine_.answered(attempt, std::move(answer), steady_clock::now(), now_unix_s);
    }
  }
  engine_.close();
  for (auto& operation : taken_in_) operation->fail(closed(*operation));
}

/// False once it is time to end.
bool Loop::take_in() {
  const std::lock_guard lock(mutex_);
  taken_in_.swap(inbox_);
  return !stopping_;
}

void Loop::follow_credentials(Moment now) {
  if (!keeper_) return;
  keys_ = keeper_->state();
  if (keys_.credentials && keys_.fetches > keys_refused_) return engine_.release(now);
  engine_.hold();
  if (keys_.error && keys_.fetches > error_reported_) {
    error_reported_ = keys_.fetches;
    engine_.fail_waiting(*keys_.error);
  }
}

/// After a failed fetch, requests that come later are a reason for another.
void Loop::ask_for_credentials() {
  if (!keeper_ || keys_.credentials || !keys_.error || engine_.idle() || refetch_asked_ == keys_.fetches)
    return;
  refetch_asked_ = keys_.fetches;
  keeper_->refetch();
}

milliseconds Loop::patience(Moment now) const {
  constexpr milliseconds longest{1'000};
  const auto wakeup = engine_.next_wakeup();
  if (!wakeup) return longest;
  return std::clamp(std::chrono::ceil<milliseconds>(*wakeup - now), milliseconds(0), longest);
}

Error Loop::closed(const Operation& operation) const {
  return Error(Code::closed,
               fmt::format("{} in s3://{}: the store is closed", operation.describe(), settings_.bucket));
}

void Loop::send(AttemptId attempt, HttpRequest request, milliseconds timeout) {
  std::vector<Header> headers;
  if (keeper_) {
    headers = signer().sign(request, host_, system_clock::now() + clock_correction_);
  } else {
    headers = request.headers;
    headers.push_back({"host", host_});
  }
  transport_->start(attempt, std::move(request), headers, timeout);
}

Signer& Loop::signer() {
  if (!signer_ || signer_keys_ != keys_.credentials) {
    signer_keys_ = keys_.credentials;
    signer_.emplace(SigningScope{.region = settings_.region}, *keys_.credentials);
  }
  return *signer_;
}

void Loop::cancel(AttemptId attempt) { transport_->cancel(attempt); }

void Loop::credentials_refused() {
  if (!keeper_) return;
  keys_refused_ = keys_.fetches;
  engine_.hold();
  keeper_->refetch();
}

/// As AWS's own clients do: a machine whose clock is wrong can work all the same, and the doctor says so.
void Loop::clock_refused(std::int64_t ahead_s) { clock_correction_ = std::chrono::seconds(ahead_s); }

void Loop::note_clock(const HttpAnswer& answer, std::int64_t now_unix_s) noexcept {
  if (answer.date_unix_s) clock_ahead_s_.store(*answer.date_unix_s - now_unix_s, std::memory_order_relaxed);
}

std::optional<std::chrono::seconds> Loop::clock_ahead() const noexcept {
  const std::int64_t ahead_s = clock_ahead_s_.load(std::memory_order_relaxed);
  return ahead_s == never_told ? std::nullopt : std::optional(std::chrono::seconds(ahead_s));
}

}  // namespace varve::object_store::s3
