// For tests: what stands in front of a plain HTTP server: TLS, or a proxy.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "object_store/descriptor.h"
#include "testing/test_authority.h"

namespace varve::object_store::s3 {

/// Listens, and passes every connection on to one port of this machine.
class TestProxy {
 public:
  /// Ends TLS; `identity` is what it shows.
  static std::unique_ptr<TestProxy> tls(int to_port, Identity identity) {
    return std::unique_ptr<TestProxy>(new TestProxy(to_port, std::move(identity)));
  }
  /// An HTTP proxy for whatever name: CONNECT opens a tunnel, everything else goes on as it is.
  static std::unique_ptr<TestProxy> proxy(int to_port) {
    return std::unique_ptr<TestProxy>(new TestProxy(to_port, {}));
  }

  ~TestProxy() {
    shutdown(listening_.get(), SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : open_) shutdown(connection, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
  }
  TestProxy(const TestProxy&) = delete;
  TestProxy& operator=(const TestProxy&) = delete;

  [[nodiscard]] int port() const { return port_; }
  /// The first lines of requests that a proxy was sent, each connection's first: "CONNECT host:443 HTTP/1.1".
  [[nodiscard]] std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  /// A proxy's answer to every request instead of passing it on: "407 Proxy Authentication Required".
  void refuse_with(std::string status) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(status);
  }

 private:
  struct SslFreer {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  };

  /// One side of a connection, under TLS or not.
  struct End {
    Descriptor socket;
    std::unique_ptr<SSL, SslFreer> ssl = {};

    [[nodiscard]] bool has_bytes_ahead() const { return ssl && SSL_pending(ssl.get()) > 0; }
    ssize_t read(std::array<char, 65'536>& buffer) const {
      return ssl ? SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()))
                 : recv(socket.get(), buffer.data(), buffer.size(), 0);
    }
    [[nodiscard]] bool write(std::string_view bytes) const {
      while (!bytes.empty()) {
        const ssize_t sent = ssl ? SSL_write(ssl.get(), bytes.data(), static_cast<int>(bytes.size()))
                                 : send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      }
      return true;
    }
  };

  TestProxy(int to_port, Identity identity) : to_port_(to_port), listening_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (identity.certificate) {
      context_.reset(SSL_CTX_new(TLS_server_method()));
      SSL_CTX_use_certificate(context_.get(), identity.certificate.get());
      SSL_CTX_use_PrivateKey(context_.get(), identity.key.get());
    }
    sockaddr_in address = local(0);
    socklen_t length = sizeof(address);
    bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), length);
    listen(listening_.get(), 64);
    getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }

  static sockaddr_in local(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  void accept_all() {
    // A client that does not trust us goes away in the middle of the handshake.
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    while (true) {
      const int connection = accept(listening_.get(), nullptr, nullptr);
      if (connection < 0) return;
      const std::lock_guard lock(mutex_);
      open_.push_back(connection);
      threads_.emplace_back([this, connection] { serve(connection); });
    }
  }

  void serve(int connection) {
    {
      End client{.socket = Descriptor(connection)};
      const End server{.socket = Descriptor(socket(AF_INET, SOCK_STREAM, 0))};
      const sockaddr_in address = local(to_port_);
      const bool connected =
          connect(server.socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
      if (connected && (context_ ? shake_hands(client) : begin_proxying(client, server))) {
        while (pass_on(client, server)) continue;
      }
      const std::lock_guard lock(mutex_);
      std::erase(open_, connection);
    }
  }

  bool shake_hands(End& client) {
    client.ssl.reset(SSL_new(context_.get()));
    SSL_set_fd(client.ssl.get(), client.socket.get());
    return SSL_accept(client.ssl.get()) == 1;
  }

  bool begin_proxying(const End& client, const End& server) {
    std::string head;
    std::array<char, 65'536> buffer;
    while (head.find("\r\n\r\n") == std::string::npos) {
      const ssize_t bytes = client.read(buffer);
      if (bytes <= 0) return false;
      head.append(buffer.data(), static_cast<std::size_t>(bytes));
    }
    std::string refusal;
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(head.substr(0, head.find("\r\n")));
      refusal = refusal_;
    }
    if (!refusal.empty()) {
      static_cast<void>(client.write("HTTP/1.1 " + refusal + "\r\nContent-Length: 0\r\n\r\n"));
      return false;
    }
    if (head.starts_with("CONNECT ")) return client.write("HTTP/1.1 200 OK\r\n\r\n");
    return server.write(head);
  }

  /// What one side has said. False at its end.
  static bool pass_on(const End& client, const End& server) {
    std::array<pollfd, 2> sides{pollfd{.fd = client.socket.get(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = server.socket.get(), .events = POLLIN, .revents = 0}};
    if (client.has_bytes_ahead()) {
      sides[0].revents = POLLIN;
    } else {
      poll(sides.data(), sides.size(), -1);
    }
    std::array<char, 65'536> buffer;
    for (const auto& [side, from, to] :
         {std::tuple(sides[0], &client, &server), std::tuple(sides[1], &server, &client)}) {
      if (side.revents == 0) continue;
      const ssize_t bytes = from->read(buffer);
      if (bytes <= 0 || !to->write({buffer.data(), static_cast<std::size_t>(bytes)})) return false;
    }
    return true;
  }

  const int to_port_;
  const Descriptor listening_;
  std::unique_ptr<SSL_CTX, SslFreer> context_;
  int port_ = 0;
  mutable std::mutex mutex_;  // guards the next four
  std::vector<std::string> asked_;
  std::string refusal_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace varve::object_store::s3
