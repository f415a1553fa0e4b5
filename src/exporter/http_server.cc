#include "exporter/http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace varve::exporter {
namespace {

constexpr unsigned idle_timeout_s = 30;
// More than any request here needs; what is longer is refused by the library (431).
constexpr std::size_t connection_bytes = std::size_t{16} << 10;

/// An address with its port, of either family.
struct Endpoint {
  sockaddr_storage storage{};
  socklen_t length = 0;
  bool loopback = false;
};

Result<Endpoint> parse(const std::string& address, std::uint16_t port) {
  Endpoint endpoint;
  auto& v4 = reinterpret_cast<sockaddr_in&>(endpoint.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(endpoint.storage);
  if (::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    endpoint.length = sizeof v4;
    endpoint.loopback = ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    return endpoint;
  }
  if (::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    endpoint.length = sizeof v6;
    endpoint.loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    return endpoint;
  }
  return Error(Code::invalid_argument,
               fmt::format("'{}' is not a numeric address, as 127.0.0.1 or ::1 are", address));
}

Error refused(const std::string& address, std::uint16_t port, int why) {
  const std::string what = fmt::format("cannot listen at {} port {}: {}", address, port, std::strerror(why));
  switch (why) {
    case EADDRINUSE:
      return {Code::already_exists, what + "; choose another port, or 0 for any that is free"};
    case EACCES:
      return {Code::denied, what + "; ports below 1024 need a right of their own"};
    case EADDRNOTAVAIL:
      return {Code::invalid_argument, what + ": this machine does not have it"};
    default:
      return {Code::unavailable, what};
  }
}

}  // namespace

struct HttpServer::Callbacks {
  static MHD_Result on_request(void* server, MHD_Connection* connection, const char* path, const char* method,
                               const char* /*version*/, const char* /*body*/, std::size_t* /*body_bytes*/,
                               void** seen) {
    const std::string_view wanted = method;
    if (wanted != MHD_HTTP_METHOD_GET && wanted != MHD_HTTP_METHOD_HEAD) {
      return send(connection, {.status = MHD_HTTP_METHOD_NOT_ALLOWED, .body = "only GET and HEAD\n"});
    }
    if (*seen == nullptr) {  // the head is here; the library calls again when the request is complete
      *seen = server;
      return MHD_YES;
    }
    return send(connection, static_cast<HttpServer*>(server)->handler_(path));
  }

  static MHD_Result send(MHD_Connection* connection, const Answer& answer) {
    MHD_Response* const response = MHD_create_response_from_buffer(
        answer.body.size(), const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
    if (response == nullptr) return MHD_NO;
    const auto header = [response](const char* name, const char* value) {
      MHD_add_response_header(response, name, value);
    };
    header(MHD_HTTP_HEADER_CONTENT_TYPE, answer.type.c_str());
    header(MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    header("X-Content-Type-Options", "nosniff");
    // The page is complete in itself: nothing is loaded from elsewhere, whatever a log's name contains.
    header("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'");
    if (answer.status == MHD_HTTP_METHOD_NOT_ALLOWED) header(MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    const MHD_Result queued = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return queued;
  }

  // The library stops accepting at its limit, so that many idle connections would keep everyone out until
  // they time out. Ours is lower, and the oldest makes room: the library sees its end and closes it.
  static void on_connection(void* server, MHD_Connection* connection, void** place,
                            MHD_ConnectionNotificationCode what) {
    auto& open = static_cast<HttpServer*>(server)->open_;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
      auto* const at = static_cast<std::list<int>::iterator*>(std::exchange(*place, nullptr));
      if (at == nullptr) return;
      open.erase(*at);
      delete at;
      return;
    }
    const MHD_ConnectionInfo* const info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == nullptr) return;
    if (open.size() >= static_cast<HttpServer*>(server)->connections_max_) {
      // It leaves the list when the library has closed it; until then it is last, not to be met again.
      ::shutdown(open.front(), SHUT_RDWR);
      open.splice(open.end(), open, open.begin());
    }
    *place = new std::list<int>::iterator(open.insert(open.end(), info->connect_fd));
  }
};

Result<std::unique_ptr<HttpServer>> HttpServer::start(const ExporterOptions& options, Handler handler) {
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(handler), options.connections_max));
  if (const Result<void> listening = server->listen_at(options.address, options.port); !listening) {
    return listening.error();
  }
  if (const Result<void> serving = server->serve(); !serving) return serving.error();
  return server;
}

HttpServer::~HttpServer() {
  if (daemon_ != nullptr) {
    MHD_stop_daemon(daemon_);
  } else if (listening_ >= 0) {
    ::close(listening_);
  }
}

Result<void> HttpServer::listen_at(const std::string& address, std::uint16_t port) {
  Result<Endpoint> endpoint = parse(address, port);
  if (!endpoint) return endpoint.error();
  is_loopback_ = endpoint->loopback;
  auto* const where = reinterpret_cast<sockaddr*>(&endpoint->storage);
  listening_ = ::socket(where->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;  // or a port would stay taken for a minute after its server has gone
  if (listening_ < 0 || ::setsockopt(listening_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(listening_, where, endpoint->length) != 0 || ::listen(listening_, SOMAXCONN) != 0 ||
      ::getsockname(listening_, where, &endpoint->length) != 0) {
    return refused(address, port, errno);
  }
  port_ = ntohs(where->sa_family == AF_INET ? reinterpret_cast<sockaddr_in*>(where)->sin_port
                                            : reinterpret_cast<sockaddr_in6*>(where)->sin6_port);
  return {};
}

Result<void> HttpServer::serve() {
  daemon_ =
      MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, nullptr, nullptr, &Callbacks::on_request, this,  //
                       MHD_OPTION_LISTEN_SOCKET, listening_,                                              //
                       MHD_OPTION_CONNECTION_LIMIT, 2 * connections_max_,                                 //
                       MHD_OPTION_CONNECTION_TIMEOUT, idle_timeout_s,                                     //
                       MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_bytes,                              //
                       MHD_OPTION_NOTIFY_CONNECTION, &Callbacks::on_connection, this,                     //
                       MHD_OPTION_END);
  if (daemon_ == nullptr)
    return Error(Code::unavailable, "the HTTP server did not start: no memory or no files");
  return {};
}

}  // namespace varve::exporter
