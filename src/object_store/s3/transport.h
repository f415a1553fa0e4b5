// Many HTTP exchanges at once on kept-alive connections: libcurl's multi interface, driven by epoll.
//
// Not by curl_multi_perform: that looks at every transfer, with a poll() each, whenever something
// happens to one of them. Told which socket is ready, libcurl touches only that one.
//
// What libcurl waits for on a connection reaches epoll only when we are about to wait: one that serves
// request after request stays as it is there.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "object_store/descriptor.h"
#include "object_store/s3/moment.h"
#include "object_store/s3/transfer.h"
#include "varve/result.h"

namespace varve::object_store::s3 {

/// Belongs to one thread, except `wake`. Transfers that are still under way when it goes are cut.
class Transport {
 public:
  using Id = std::uint64_t;
  using Ended = std::vector<std::pair<Id, HttpAnswer>>;

  /// `connections_max`: how many are kept open while idle.
  static Result<std::unique_ptr<Transport>> create(TransferLimits limits, std::uint32_t connections_max);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  void start(Id id, HttpRequest request, const std::vector<Header>& headers,
             std::chrono::milliseconds timeout);
  /// Cuts it at once: its connection is closed, its body is not read any more.
  void cancel(Id id);
  /// Moves bytes; waits up to `patience` if nothing ends at once. Returns what has ended.
  Ended poll(std::chrono::milliseconds patience);
  /// Ends a waiting `poll`, or the next one. From any thread.
  void wake() noexcept;

 private:
  struct MultiCloser {
    void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
  };

  struct Descriptors {
    Descriptor epoll;
    Descriptor append_notifier;  // an eventfd: rung by `wake`
  };

  Transport(TransferLimits limits, std::unique_ptr<CURLM, MultiCloser> multi, Descriptors descriptors);
  static int on_socket(CURL* easy, curl_socket_t socket, int what, void* self, void* watched) noexcept;
  static int on_timer(CURLM* multi, long timeout_ms, void* self) noexcept;
  static int on_opened(void* self, curl_socket_t socket, curlsocktype) noexcept;
  static int on_closing(void* self, curl_socket_t socket) noexcept;

  /// One of libcurl's connections (it has other sockets, too).
  struct Connection {
    std::uint32_t watched = 0;     // what epoll looks for; nothing: it does not know the socket
    std::uint32_t wanted = 0;      // what libcurl waits for
    bool changed = false;          // among `changed_`
    Transfer* transfer = nullptr;  // whose it is, if something is wanted
  };

  int watch(curl_socket_t socket, Connection& connection, std::uint32_t wanted) noexcept;
  void act(curl_socket_t socket, int events);
  void send_more(curl_socket_t socket);
  void settle_changes();
  void run_timers();
  void wait(std::chrono::milliseconds patience);
  void collect(Ended& ended);
  void retire(std::unordered_map<Id, std::unique_ptr<Transfer>>::iterator transfer);

  const TransferLimits limits_;
  const Descriptors descriptors_;
  std::unordered_map<curl_socket_t, Connection> connections_;  // outlive what closes them
  std::vector<curl_socket_t> changed_;                         // since we last waited
  std::unique_ptr<CURLM, MultiCloser> multi_;
  std::optional<Moment> timer_;  // when libcurl wants to be called if no socket is ready before
  std::unordered_map<Id, std::unique_ptr<Transfer>> transfers_;
  std::unordered_map<const Transfer*, Id> ids_;
  std::vector<std::unique_ptr<Transfer>> spare_;  // at most as many as were ever under way at once
};

}  // namespace varve::object_store::s3
