// One HTTP exchange on a libcurl easy handle: what is sent, what came back, and whether the server
// can have had the whole request.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "object_store/s3/curl_handle.h"
#include "object_store/s3/http.h"

namespace varve::object_store::s3 {

/// What all transfers of a transport have in common.
struct TransferLimits {
  std::string base_url;  ///< before the request's path: "https://bucket.s3.eu-west-1.amazonaws.com"
  std::string ca_file;
  std::string proxy;
  std::chrono::milliseconds connect_timeout{3'000};
  std::chrono::milliseconds stall_timeout{10'000};
};

/// Who hears of connections being made and closed; `closing` closes the socket.
struct SocketCallbacks {
  curl_sockopt_callback opened;
  curl_closesocket_callback closing;
  void* self;  ///< outlives the connections
};

/// Serves one exchange after the other: `prepare`, then `finish` before the next.
class Transfer {
 public:
  /// `easy`: fresh. `limits` outlives the transfer.
  Transfer(EasyHandle easy, const TransferLimits& limits, const SocketCallbacks& sockets)
      : easy_(std::move(easy)), limits_(limits), sockets_(sockets) {}
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Sets the handle up. `headers` are those to send, `host` among them.
  void prepare(HttpRequest request, const std::vector<Header>& headers, std::chrono::milliseconds timeout);

  /// What came, once libcurl says that it is over.
  [[nodiscard]] HttpAnswer answer(CURLcode code);

  /// Lets go of the body and of what came. Only when libcurl no longer has the handle.
  void finish() noexcept;

  [[nodiscard]] CURL* easy() const noexcept { return easy_.get(); }
  /// In the midst of a body that libcurl reads piece by piece: how much of it is read.
  [[nodiscard]] std::optional<std::size_t> body_given() const noexcept {
    return given_ == 0 || whole_body_given() ? std::nullopt : std::optional(given_);
  }

 private:
  static std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t on_write(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static int on_seek(void* self, curl_off_t offset, int origin) noexcept;
  static int on_connected(void* self, char*, char*, int, int) noexcept;

  /// What libcurl is told of a request's method: a handle keeps it from one exchange to the next.
  struct Shape {
    Method method;
    bool by_pieces;  // libcurl asks for the body; or else has it as a whole

    friend bool operator==(const Shape&, const Shape&) = default;
  };

  void dress(Shape shape);
  void dress_for(Shape shape);
  bool reserve(std::size_t bytes);
  [[nodiscard]] bool whole_body_given() const noexcept { return given_ == request_.body.data.size(); }
  [[nodiscard]] long info(CURLINFO what) const;
  [[nodiscard]] Failure failure(CURLcode code) const;
  [[nodiscard]] std::string header(const char* name) const;

  EasyHandle easy_;
  const TransferLimits& limits_;
  const SocketCallbacks sockets_;
  std::optional<Shape> dressed_;  // nothing: the handle is to be reset first
  HeaderLines lines_;
  HttpRequest request_;
  std::size_t given_ = 0;  // of the body, to libcurl, in the present sending; small ones at once
  bool connected_ = false;
  bool sent_again_ = false;   // by libcurl itself
  bool sent_before_ = false;  // as a whole, perhaps, and then again
  bool went_smoothly_ = false;
  std::shared_ptr<std::byte[]> received_;
  std::size_t received_bytes_ = 0;
  std::size_t received_capacity_ = 0;
  char error_text_[CURL_ERROR_SIZE] = {};
};

/// libcurl's result in our terms. Not for CURLE_OK.
Failure failure_of(CURLcode code) noexcept;

}  // namespace varve::object_store::s3
