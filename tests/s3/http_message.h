// HTTP/1.1 messages as they come over a socket, whole; for test programs that stand between two ends.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace varve::s3_trial {

/// A request or an answer. `body` is without transfer coding, whatever `head` says.
struct Message {
  std::string head;  ///< first line and headers, with the empty line
  std::string body;

  /// The value of a header, or nothing. `name` in lower case.
  [[nodiscard]] std::optional<std::string> header(std::string_view name) const;
  /// "PUT" of a request.
  [[nodiscard]] std::string_view method() const;
  /// 404 of an answer.
  [[nodiscard]] int status() const;
  /// Makes `head` say that `bytes` follow, plainly.
  void set_length(std::size_t bytes);
};

/// An answer of our own.
Message make_answer(int status, std::string_view reason, std::string_view content_type, std::string body);

/// One end of a connection, closed when it goes.
class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// To a port of this machine. It may have failed: then nothing can be sent.
  static int connect_to(int port);

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  bool send(std::string_view bytes);
  /// Nothing if the connection ends first, or what comes is no HTTP.
  std::optional<Message> receive_request();
  std::optional<Message> receive_answer();

 private:
  bool receive_more();
  std::optional<std::string> take(std::size_t bytes);
  std::optional<std::string> take_until(std::string_view mark);
  std::optional<std::string> take_chunks();

  int descriptor_;
  std::string ahead_;  // received, not taken yet
};

}  // namespace varve::s3_trial
