#include "http_message.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace varve::s3_trial {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

/// Where the line of a header begins and where it ends, its line end included.
std::optional<std::pair<std::size_t, std::size_t>> find_line(std::string_view head, std::string_view name) {
  const std::string lowered = lower(head);
  const std::size_t at = lowered.find(fmt::format("\r\n{}:", name));
  if (at == std::string::npos) return std::nullopt;
  return std::pair(at + 2, lowered.find("\r\n", at + 2) + 2);
}

}  // namespace

std::optional<std::string> Message::header(std::string_view name) const {
  const auto line = find_line(head, name);
  if (!line) return std::nullopt;
  std::string value =
      head.substr(line->first + name.size() + 1, line->second - line->first - name.size() - 3);
  value.erase(0, value.find_first_not_of(' '));
  return value;
}

std::string_view Message::method() const { return std::string_view(head).substr(0, head.find(' ')); }

int Message::status() const { return std::atoi(head.c_str() + std::min(head.find(' '), head.size() - 1)); }

void Message::set_length(std::size_t bytes) {
  for (const std::string_view name : {"content-length", "transfer-encoding"}) {
    if (const auto line = find_line(head, name)) head.erase(line->first, line->second - line->first);
  }
  head.insert(head.size() - 2, fmt::format("Content-Length: {}\r\n", bytes));
}

Message make_answer(int status, std::string_view reason, std::string_view content_type, std::string body) {
  Message answer{
      .head = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n\r\n", status, reason, content_type),
      .body = std::move(body)};
  answer.set_length(answer.body.size());
  return answer;
}

Socket::~Socket() {
  if (descriptor_ >= 0) close(descriptor_);
}

int Socket::connect_to(int port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    close(descriptor);
    return -1;
  }
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return descriptor;
}

bool Socket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Socket::receive_more() {
  char buffer[65'536];
  const ssize_t received = recv(descriptor_, buffer, sizeof(buffer), 0);
  if (received <= 0) return false;
  ahead_.append(buffer, static_cast<std::size_t>(received));
  return true;
}

std::optional<std::string> Socket::take(std::size_t bytes) {
  while (ahead_.size() < bytes) {
    if (!receive_more()) return std::nullopt;
  }
  std::string taken = ahead_.substr(0, bytes);
  ahead_.erase(0, bytes);
  return taken;
}

std::optional<std::string> Socket::take_until(std::string_view mark) {
  std::size_t at = std::string::npos;
  while ((at = ahead_.find(mark)) == std::string::npos) {
    if (!receive_more()) return std::nullopt;
  }
  return take(at + mark.size());
}

std::optional<std::string> Socket::take_chunks() {
  std::string body;
  while (true) {
    const auto line = take_until("\r\n");
    if (!line) return std::nullopt;
    const std::size_t bytes = std::strtoull(line->c_str(), nullptr, 16);
    const auto chunk = take(bytes + 2);
    if (!chunk) return std::nullopt;
    if (bytes == 0) return body;
    body.append(*chunk, 0, bytes);
  }
}

std::optional<Message> Socket::receive_request() {
  auto head = take_until("\r\n\r\n");
  if (!head) return std::nullopt;
  Message request{.head = *std::move(head), .body = {}};
  auto body = take(std::strtoull(request.header("content-length").value_or("0").c_str(), nullptr, 10));
  if (!body) return std::nullopt;
  request.body = *std::move(body);
  return request;
}

std::optional<Message> Socket::receive_answer() {
  auto answer = receive_request();
  if (!answer || answer->header("transfer-encoding") != "chunked") return answer;
  auto body = take_chunks();
  if (!body) return std::nullopt;
  answer->body = *std::move(body);
  answer->set_length(answer->body.size());
  return answer;
}

}  // namespace varve::s3_trial
