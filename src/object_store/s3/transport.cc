#include "object_store/s3/transport.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "base/clock.h"

namespace varve::object_store::s3 {
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
                          .append_notifier = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))};
  if (!multi || !descriptors.epoll || !descriptors.append_notifier)
    return Error(Code::unavailable, "libcurl could not be set up (out of memory or descriptors)");
  epoll_event rung{.events = EPOLLIN, .data = {.fd = descriptors.append_notifier.get()}};
  if (epoll_ctl(descriptors.epoll.get(), EPOLL_CTL_ADD, descriptors.append_notifier.get(), &rung) != 0)
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

void Transport::wake() noexcept { eventfd_write(descriptors_.append_notifier.get(), 1); }

/// libcurl says what it waits for on a socket.
int Transport::on_socket(CURL* easy, curl_socket_t socket, int what, void* self, void* watched) noexcept {
  auto& transport = *static_cast<Transport*>(self);
  if (const auto found = transport.connections_.find(socket); found != transport.connections_.end()) {
    Connection& connection = found->second;
    const std::uint32_t wanted = what == CURL_POLL_REMOVE ? 0 : epoll_events(what);
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &connection.transfer);
    return transport.watch(socket, connection, wanted);
  }
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

int Transport::watch(curl_socket_t socket, Connection& connection, std::uint32_t wanted) noexcept {
  connection.wanted = wanted;
  if (connection.watched == 0 && wanted != 0) {  // at once, because only this can fail
    epoll_event event{.events = wanted, .data = {.fd = socket}};
    if (epoll_ctl(descriptors_.epoll.get(), EPOLL_CTL_ADD, socket, &event) != 0) return -1;
    connection.watched = wanted;
  }
  if (!std::exchange(connection.changed, true)) changed_.push_back(socket);
  return 0;
}

int Transport::on_opened(void* self, curl_socket_t socket, curlsocktype) noexcept {
  auto& transport = *static_cast<Transport*>(self);
  try {
    transport.connections_.insert_or_assign(socket, Connection{});
    transport.changed_.reserve(transport.changed_.size() + transport.connections_.size());
  } catch (const std::bad_alloc&) {
    return CURL_SOCKOPT_ERROR;
  }
  return CURL_SOCKOPT_OK;
}

/// Whoever forked from us may keep the socket open, and epoll would go on looking at it.
int Transport::on_closing(void* self, curl_socket_t socket) noexcept {
  auto& transport = *static_cast<Transport*>(self);
  if (const auto found = transport.connections_.find(socket); found != transport.connections_.end()) {
    if (found->second.watched != 0)
      epoll_ctl(transport.descriptors_.epoll.get(), EPOLL_CTL_DEL, socket, nullptr);
    transport.connections_.erase(found);
    std::erase(transport.changed_, socket);
  }
  return close(socket);
}

int Transport::on_timer(CURLM*, long timeout_ms, void* self) noexcept {
  auto& timer = static_cast<Transport*>(self)->timer_;
  timer.reset();
  if (timeout_ms >= 0) timer = base::now() + std::chrono::milliseconds(timeout_ms);
  return 0;
}

void Transport::start(Id id, HttpRequest request, const std::vector<Header>& headers,
                      std::chrono::milliseconds timeout) {
  std::unique_ptr<Transfer> transfer;
  if (spare_.empty()) {
    EasyHandle easy(curl_easy_init());
    if (!easy) throw std::bad_alloc();
    const SocketCallbacks sockets{.opened = &on_opened, .closing = &on_closing, .self = this};
    transfer = std::make_unique<Transfer>(std::move(easy), limits_, sockets);
  } else {
    transfer = std::move(spare_.back());
    spare_.pop_back();
  }
  transfer->prepare(std::move(request), headers, timeout);
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
  transfer->second->finish();
  spare_.push_back(std::move(transfer->second));
  transfers_.erase(transfer);
}

void Transport::act(curl_socket_t socket, int events) {
  int running = 0;
  curl_multi_socket_action(multi_.get(), socket, events, &running);
}

/// libcurl sends one buffer each time it is called. As long as the connection takes them, the next follows
/// without asking epoll; not for ever, because others wait. And libcurl looks whether an answer has come:
/// some servers refuse a request before its end, and close.
void Transport::send_more(curl_socket_t socket) {
  constexpr int buffers_max = 4;
  for (int i = 0; i < buffers_max; ++i) {
    const auto found = connections_.find(socket);
    if (found == connections_.end() || (found->second.wanted & EPOLLOUT) == 0) return;
    const Transfer& transfer = *found->second.transfer;
    const auto given = transfer.body_given();
    if (!given) return;
    act(socket, CURL_CSELECT_IN | CURL_CSELECT_OUT);
    if (transfer.body_given() == given) return;  // it takes no more now
  }
}

/// Tells epoll what libcurl waits for by now.
void Transport::settle_changes() {
  for (const curl_socket_t socket : changed_) {
    Connection& connection = connections_.at(socket);
    connection.changed = false;
    if (connection.wanted == connection.watched) continue;
    epoll_event event{.events = connection.wanted, .data = {.fd = socket}};
    epoll_ctl(descriptors_.epoll.get(), connection.wanted == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD, socket,
              &event);
    connection.watched = connection.wanted;
  }
  changed_.clear();
}

/// What is due, the first steps of new transfers included.
void Transport::run_timers() {
  int running = 0;
  while (timer_ && *timer_ <= base::now()) {
    timer_.reset();
    curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

void Transport::wait(std::chrono::milliseconds patience) {
  using std::chrono::milliseconds;
  settle_changes();
  if (timer_) {
    const auto left = std::chrono::ceil<milliseconds>(*timer_ - base::now());
    patience = std::clamp(left, milliseconds(0), patience);
  }
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(descriptors_.epoll.get(), events.data(), static_cast<int>(events.size()),
                               static_cast<int>(patience.count()));
  for (int i = 0; i < count; ++i) {  // count is -1 when a signal came
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.fd == descriptors_.append_notifier.get()) {
      eventfd_t rung = 0;
      eventfd_read(descriptors_.append_notifier.get(), &rung);
      continue;
    }
    act(event.data.fd, curl_events(event.events));
    if ((event.events & EPOLLOUT) != 0) send_more(event.data.fd);
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
  // By index: what is done on one connection may change the list.
  for (std::size_t i = 0; i < changed_.size(); ++i) send_more(changed_[i]);
  collect(ended);
  if (!ended.empty()) return ended;
  wait(patience);
  run_timers();
  collect(ended);
  return ended;
}

}  // namespace varve::object_store::s3
