// A request and its answer as values, so that everything that decides can be tested without a socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "varve/store.h"

namespace varve::object_store::s3 {

enum class Method : std::uint8_t { get, put, post, del };

/// "GET", as in the request line.
[[nodiscard]] std::string_view to_string(Method method) noexcept;

struct Header {
  std::string name;  ///< lower case
  std::string value;

  friend bool operator==(const Header&, const Header&) = default;
};

struct HttpRequest {
  Method method = Method::get;
  std::string path = {};             ///< encoded (canonical.h), begins with '/'
  std::string query = {};            ///< encoded and sorted, without '?'
  std::vector<Header> headers = {};  ///< without `host`, which is the endpoint's
  Bytes body = {};
  std::uint64_t answer_bytes_max = std::uint64_t{1} << 20;
};

/// Why no whole answer came. What it means for a write is `HttpAnswer::request_arrived`.
enum class Failure : std::uint8_t {
  unreachable,  ///< no connection: name, route, refused, proxy
  untrusted,    ///< the server's certificate is from nobody that we trust
  misnamed,     ///< the server's certificate is another host's
  handshake,    ///< TLS could not be agreed on, or the connection broke meanwhile
  interrupted,  ///< the connection broke
  timed_out,    ///< too slow, or silent for too long
  malformed,    ///< not HTTP, or more than `answer_bytes_max`
};

/// Which of an object's bytes a 206 says that it holds.
struct ContentRange {
  std::uint64_t begin = 0;
  std::uint64_t last = 0;  ///< included
};

/// "Sun, 06 Nov 1994 08:49:37 GMT" in seconds since 1970: the only form in which servers may write a
/// date (RFC 9110, 5.6.7). Nothing for anything else.
[[nodiscard]] std::optional<std::int64_t> parse_http_date(std::string_view text) noexcept;

/// Seconds since 1970 of "2009-10-12T17:50:30.000Z", as in listings; fractions are dropped. Nothing for
/// anything else.
[[nodiscard]] std::optional<std::int64_t> parse_iso_date(std::string_view text) noexcept;

struct HttpAnswer {
  int status = 0;                  ///< 0: none came
  std::optional<Failure> failure;  ///< set: the answer is not whole, whatever `status` says
  std::string failure_text;        ///< libcurl's words

  /// False only if the server certainly never had the whole request, so cannot have carried it out.
  bool request_arrived = true;
  /// The request was sent again inside the transport (a kept-alive connection that had died) after
  /// it may have arrived: `status` answers the last sending only.
  bool sent_before = false;

  Bytes body;
  std::string region;                          ///< x-amz-bucket-region
  std::optional<std::int64_t> date_unix_s;     ///< the server's clock
  std::optional<std::uint32_t> retry_after_s;  ///< as the server asks
  std::optional<ContentRange> content_range;
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(body.data.data()), body.data.size()};
  }
};

}  // namespace varve::object_store::s3
