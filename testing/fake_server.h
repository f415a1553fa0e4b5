// A small HTTP server for tests, which answers as the test says, or breaks off where it says.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace varve::object_store::s3 {

struct ArrivedRequest {
  std::string method;
  std::string target;                          ///< path and query, as sent
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// "HTTP/1.1 200 OK" with a right Content-Length.
inline std::string http_answer(int status, std::string_view body = "", std::string_view headers = "") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

class FakeServer {
 public:
  /// What to send for a request, on a connection that stays open; empty: close it without a word.
  /// Called from several threads, one request at a time.
  using Handler = std::function<std::string(const ArrivedRequest&)>;

  explicit FakeServer(Handler handler)
      : handler_(std::move(handler)), listening_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    // Connections inherit it. Left to itself the kernel takes in as much as a whole test sends.
    const int receive_buffer_bytes = 262'144;
    setsockopt(listening_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
    bind(listening_, reinterpret_cast<sockaddr*>(&address), length);
    listen(listening_, 64);
    getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~FakeServer() {
    shutdown(listening_, SHUT_RDWR);
    acceptor_.join();
    close(listening_);
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : open_) shutdown(connection, SHUT_RDWR);
    }
    stalled_ = false;
    stalled_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] int requests() const { return requests_; }

  /// The next connection whose request has a larger body is closed once so much of that has come.
  void cut_next_body_after(std::size_t bytes) { cut_after_ = bytes; }
  /// The next body that is larger is read no further once so much of it has come, until `read_on`.
  void stall_next_body_after(std::size_t bytes) { stall_after_ = bytes; }
  /// Reads what comes yet on the stalled connection, to its end, and returns all of its body.
  std::string read_on() {
    stalled_ = false;
    stalled_.notify_all();
    read_out_.wait(false);
    return stalled_body_;
  }

 private:
  void accept_all() {
    while (true) {
      const int connection = accept(listening_, nullptr, nullptr);
      if (connection < 0) return;
      ++connections_;
      const std::lock_guard lock(mutex_);
      open_.push_back(connection);
      threads_.emplace_back([this, connection] { serve(connection); });
    }
  }

  void serve(int connection) {
    std::string received;
    while (const auto request = read_request(connection, received)) {
      ++requests_;
      std::string answer;
      {
        const std::lock_guard lock(handling_);
        answer = handler_(*request);
      }
      if (answer.empty() || send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
      if (answer.find("Connection: close") != std::string::npos) break;
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, connection);
    close(connection);
  }

  std::optional<ArrivedRequest> read_request(int connection, std::string& received) {
    std::size_t head_end = std::string::npos;
    while ((head_end = received.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more(connection, received)) return std::nullopt;
    }
    ArrivedRequest request = parse_head(std::string_view(received).substr(0, head_end + 2));
    received.erase(0, head_end + 4);
    const std::size_t body_bytes = std::strtoull(request.headers["content-length"].c_str(), nullptr, 10);
    while (received.size() < body_bytes) {
      if (received.size() >= cut_after_) {
        cut_after_ = SIZE_MAX;
        return std::nullopt;
      }
      if (received.size() >= stall_after_.load()) {
        stall_after_ = SIZE_MAX;
        stall(connection, received);
        return std::nullopt;
      }
      if (!read_more(connection, received)) return std::nullopt;
    }
    request.body = received.substr(0, body_bytes);
    received.erase(0, body_bytes);
    return request;
  }

  void stall(int connection, std::string& received) {
    stalled_.wait(true);
    while (read_more(connection, received)) continue;
    stalled_body_ = std::move(received);
    read_out_ = true;
    read_out_.notify_all();
  }

  static bool read_more(int connection, std::string& received) {
    char buffer[65'536];
    const ssize_t bytes = recv(connection, buffer, sizeof(buffer), 0);
    if (bytes <= 0) return false;
    received.append(buffer, static_cast<std::size_t>(bytes));
    return true;
  }

  static ArrivedRequest parse_head(std::string_view head) {
    ArrivedRequest request;
    const std::size_t first_end = head.find("\r\n");
    const std::string_view first = head.substr(0, first_end);
    const std::size_t method_end = first.find(' ');
    request.method = first.substr(0, method_end);
    request.target = first.substr(method_end + 1, first.rfind(' ') - method_end - 1);
    for (std::size_t at = first_end + 2; at < head.size();) {
      const std::size_t end = head.find("\r\n", at);
      const std::string_view line = head.substr(at, end - at);
      const std::size_t colon = line.find(':');
      std::string name(line.substr(0, colon));
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      request.headers[name] = line.substr(std::min(line.find_first_not_of(' ', colon + 1), line.size()));
      at = end + 2;
    }
    return request;
  }

  const Handler handler_;
  const int listening_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<int> requests_ = 0;
  std::atomic<std::size_t> cut_after_ = SIZE_MAX;
  std::atomic<std::size_t> stall_after_ = SIZE_MAX;
  std::atomic<bool> stalled_ = true;
  std::atomic<bool> read_out_ = false;
  std::string stalled_body_;
  std::mutex handling_;
  std::mutex mutex_;  // guards the next two
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace varve::object_store::s3
