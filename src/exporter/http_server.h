// A small HTTP server for a few pages: one thread, a bounded number of connections.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "varve/exporter.h"

struct MHD_Daemon;
struct MHD_Connection;

namespace varve::exporter {

struct Answer {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  /// The answer to GET `path`. Called on the server's thread, one at a time; must not wait.
  using Handler = std::function<Answer(std::string_view path)>;

  /// Errors: as `Exporter::start`.
  static Result<std::unique_ptr<HttpServer>> start(const ExporterOptions& options, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] bool is_loopback() const noexcept { return is_loopback_; }

 private:
  HttpServer(Handler handler, std::uint32_t connections_max)
      : handler_(std::move(handler)), connections_max_(connections_max) {}

  Result<void> listen_at(const std::string& address, std::uint16_t port);
  Result<void> serve();

  struct Callbacks;  // what the server library calls; in http_server.cc, where that is known

  const Handler handler_;
  const std::uint32_t connections_max_;
  int listening_ = -1;  // the daemon's, once there is one
  std::uint16_t port_ = 0;
  bool is_loopback_ = true;
  std::list<int> open_;  // sockets, the oldest first; the server's thread alone
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace varve::exporter
