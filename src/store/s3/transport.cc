#include "store/s3/transport.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <new>

namespace varve::store::s3 {
namespace {

/// What libcurl waits for, as epoll has it, and the other way round.
std::uint32_t epoll_events(int what) noexcept {
  return ((what & CURL_POLL_IN) != 0 ? std::uint32_t{EPOLLIN} : 0U) |
         ((what & CURL_POLL_OUT) != 0 ? std::uint32_t{EPOLLOUT} : 0U);
}

int curl_events(std::uint32_t events) noexcept {
  return ((events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) | ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
         ((events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
}

}  // namespace

Result<std::unique_ptr<Transport>> Transport::create(TransferLimits limits, std::uint32_t connections_max) {
  ensure_curl_is_initialised();
  std::unique_ptr<CURLM, MultiCloser> multi(curl_multi_init());
  Descriptors descriptors{.epoll = Descriptor(epoll_create1(EPOLL_CLOEXEC)),
                          .bell = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))};
  if (!multi || !descriptors.epoll || !descriptors.bell)
    return Error(Code::unavailable, "libcurl could not be set up (out of memory or descriptors)");
  epoll_event rung{.events = EPOLLIN, .data = {.fd = descriptors.bell.get()}};
  if (epoll_ctl(descriptors.epoll.get(), EPOLL_CTL_ADD, descriptors.bell.get(), &rung) != 0)
    return Error(Code::unavailable, "the S3 store's thread could not be set up (out of memory)");
  curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(connections_max));
  curl_multi_setopt(multi.get(), CURLMOPT_PIPELINING, long{CURLPIPE_NOTHING});
  return std::unique_ptr<Transport>(
      new Transport(std::move(limits), std::move(multi), std::move(descriptors)));
}

Transport::Transport(TransferLimits limits, std::unique_ptr<CURLM, MultiCloser> multi,
                     Descriptors descriptors)
    : limits_(std::move(limits)), descriptors_(std::move(descriptors)), multi_(std::move(multi)) {
  curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &Transport::on_socket);
  curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &Transport::on_timer);
  curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
}

Transport::~Transport() {
  while (!transfers_.empty()) retire(transfers_.begin());
}

void Transport::wake() noexcept { eventfd_write(descriptors_.bell.get(), 1); }

/// libcurl says what it waits for on a socket.
int Transport::on_socket(CURL*, curl_socket_t socket, int what, void* self, void* watched) noexcept {
  auto& transport = *static_cast<Transport*>(self);
  const int epoll = transport.descriptors_.epoll.get();
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nullptr);
    return 0;
  }
  epoll_event event{.events = epoll_events(what), .data = {.fd = socket}};
  if (epoll_ctl(epoll, watched != nullptr ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event) != 0) return -1;
  // Comes back as `watched`, until the socket is removed.
  if (watched == nullptr) curl_multi_assign(transport.multi_.get(), socket, self);
  return 0;
}

int Transport::on_timer(CURLM*, long timeout_ms, void* self) noexcept {
  auto& timer = static_cast<Transport*>(self)->timer_;
  timer.reset();
  if (timeout_ms >= 0) timer = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  return 0;
}

void Transport::start(Id id, HttpRequest request, const std::vector<Header>& headers,
                      std::chrono::milliseconds timeout) {
  EasyHandle easy;
  if (spare_.empty()) {
    easy.reset(curl_easy_init());
    if (!easy) throw std::bad_alloc();
  } else {
    easy = std::move(spare_.back());
    spare_.pop_back();
  }
  auto transfer = std::make_unique<Transfer>(std::move(easy));
  transfer->prepare(limits_, std::move(request), headers, timeout);
  curl_multi_add_handle(multi_.get(), transfer->easy());
  ids_.emplace(transfer.get(), id);
  transfers_.emplace(id, std::move(transfer));
}

void Transport::cancel(Id id) {
  if (const auto found = transfers_.find(id); found != transfers_.end()) retire(found);
}

void Transport::retire(std::unordered_map<Id, std::unique_ptr<Transfer>>::iterator transfer) {
  curl_multi_remove_handle(multi_.get(), transfer->second->easy());
  ids_.erase(transfer->second.get());
  EasyHandle easy = transfer->second->release();
  // Drops what it points to in the transfer, which goes now.
  curl_easy_reset(easy.get());
  spare_.push_back(std::move(easy));
  transfers_.erase(transfer);
}

/// What is due, the first steps of new transfers included.
void Transport::run_timers() {
  int running = 0;
  while (timer_ && *timer_ <= std::chrono::steady_clock::now()) {
    timer_.reset();
    curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

void Transport::wait(std::chrono::milliseconds patience) {
  using std::chrono::milliseconds;
  if (timer_) {
    const auto left = std::chrono::ceil<milliseconds>(*timer_ - std::chrono::steady_clock::now());
    patience = std::clamp(left, milliseconds(0), patience);
  }
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(descriptors_.epoll.get(), events.data(), static_cast<int>(events.size()),
                               static_cast<int>(patience.count()));
  for (int i = 0; i < count; ++i) {  // count is -1 when a signal came
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.fd == descriptors_.bell.get()) {
      eventfd_t rung = 0;
      eventfd_read(descriptors_.bell.get(), &rung);
      continue;
    }
    int running = 0;
    curl_multi_socket_action(multi_.get(), event.data.fd, curl_events(event.events), &running);
  }
}

void Transport::collect(Ended& ended) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // the message dies with the handle's removal
    Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    const Id id = ids_.at(transfer);
    ended.emplace_back(id, transfer->answer(code));
    retire(transfers_.find(id));
  }
}

Transport::Ended Transport::poll(std::chrono::milliseconds patience) {
  Ended ended;
  run_timers();
  collect(ended);
  if (!ended.empty()) return ended;
  wait(patience);
  run_timers();
  collect(ended);
  return ended;
}

}  // namespace varve::store::s3
