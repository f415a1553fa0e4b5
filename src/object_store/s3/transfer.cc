#include "object_store/s3/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace varve::object_store::s3 {
namespace {

/// An error page is not kept beyond this; the rest is read and dropped.
constexpr std::size_t error_bytes_max = 65'536;
/// libcurl appends smaller bodies to the headers: one system call, and one packet for the server to
/// wake up for, instead of two. (MAX_INITIAL_POST_SIZE in its lib/http.h, and only for bodies that it
/// gets as CURLOPT_POSTFIELDS.)
constexpr std::size_t sent_with_headers_max = 65'535;
/// libcurl's own buffers, for each transfer under way: larger saves system calls, to a point.
constexpr long io_buffer_bytes = 262'144;

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  curl_easy_setopt(easy, option, value);
}

/// "bytes 5-9/100"
std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view unit = "bytes ";
  if (!text.starts_with(unit)) return std::nullopt;
  ContentRange range;
  const char* const end = text.data() + text.size();
  const auto [dash, wrong_begin] = std::from_chars(text.data() + unit.size(), end, range.begin);
  if (wrong_begin != std::errc() || dash == end || *dash != '-') return std::nullopt;
  if (std::from_chars(dash + 1, end, range.last).ec != std::errc()) return std::nullopt;
  return range;
}

}  // namespace

Failure failure_of(CURLcode code) noexcept {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
    case CURLE_INTERFACE_FAILED:
      return Failure::unreachable;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return Failure::untrusted;
    case CURLE_SSL_CONNECT_ERROR:
      return Failure::handshake;
    case CURLE_OPERATION_TIMEDOUT:
      return Failure::timed_out;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_WRITE_ERROR:
      return Failure::malformed;
    default:
      return Failure::interrupted;
  }
}

void Transfer::prepare(HttpRequest request, const std::vector<Header>& headers,
                       std::chrono::milliseconds timeout) {
  request_ = std::move(request);
  const auto body = request_.body.data;
  const Shape shape{.method = request_.method, .by_pieces = body.size() > sent_with_headers_max};
  if (dressed_ != shape) dress(shape);
  CURL* easy = easy_.get();
  std::string url = limits_.base_url + request_.path;
  if (!request_.query.empty()) url += "?" + request_.query;
  set(easy, CURLOPT_URL, url.c_str());
  set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  if (shape.by_pieces) {
    set(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body.size()));
  } else if (shape.method == Method::put || shape.method == Method::post) {
    set(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    set(easy, CURLOPT_POSTFIELDS, body.empty() ? "" : reinterpret_cast<const char*>(body.data()));
    given_ = body.size();
  }
  for (const Header& header : headers) lines_.add(fmt::format("{}: {}", header.name, header.value));
  // The servers we know say "100 Continue" to requests that they then refuse: asking first only costs time.
  lines_.add("Expect:");
  // Nor is a body a form, as libcurl would say of the small ones.
  if (std::ranges::find(headers, "content-type", &Header::name) == headers.end()) lines_.add("Content-Type:");
  set(easy, CURLOPT_HTTPHEADER, lines_.get());
}

/// What does not change from one request to the next of its kind.
void Transfer::dress(Shape shape) {
  CURL* easy = easy_.get();
  curl_easy_reset(easy);
  set(easy, CURLOPT_PATH_AS_IS, 1L);  // what is signed is what is sent
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_ERRORBUFFER, error_text_);
  set(easy, CURLOPT_USERAGENT, "varve");
  set(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  if (!limits_.ca_file.empty()) set(easy, CURLOPT_CAINFO, limits_.ca_file.c_str());
  if (!limits_.proxy.empty()) set(easy, CURLOPT_PROXY, limits_.proxy.c_str());

  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits_.connect_timeout.count()));
  set(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(easy, CURLOPT_LOW_SPEED_TIME,
      static_cast<long>(std::chrono::ceil<std::chrono::seconds>(limits_.stall_timeout).count()));
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_UPLOAD_BUFFERSIZE, io_buffer_bytes);

  set(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_write);
  set(easy, CURLOPT_WRITEDATA, this);
  set(easy, CURLOPT_PREREQFUNCTION, &Transfer::on_connected);
  set(easy, CURLOPT_PREREQDATA, this);
  set(easy, CURLOPT_PRIVATE, this);
  set(easy, CURLOPT_SOCKOPTFUNCTION, sockets_.opened);
  set(easy, CURLOPT_SOCKOPTDATA, sockets_.self);
  set(easy, CURLOPT_CLOSESOCKETFUNCTION, sockets_.closing);
  set(easy, CURLOPT_CLOSESOCKETDATA, sockets_.self);
  dress_for(shape);
  dressed_ = shape;
}

void Transfer::dress_for(Shape shape) {
  CURL* easy = easy_.get();
  if (shape.method == Method::get) {
    set(easy, CURLOPT_BUFFERSIZE, io_buffer_bytes);  // answers to the others are short
    return set(easy, CURLOPT_HTTPGET, 1L);
  }
  if (shape.method == Method::del) return set(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
  if (!shape.by_pieces) {
    if (shape.method == Method::put) set(easy, CURLOPT_CUSTOMREQUEST, "PUT");
    return;  // a body in one piece is a POST's to libcurl
  }
  set(easy, CURLOPT_UPLOAD, 1L);
  if (shape.method == Method::post) set(easy, CURLOPT_CUSTOMREQUEST, "POST");
  set(easy, CURLOPT_READFUNCTION, &Transfer::on_read);
  set(easy, CURLOPT_READDATA, this);
  set(easy, CURLOPT_SEEKFUNCTION, &Transfer::on_seek);
  set(easy, CURLOPT_SEEKDATA, this);
}

void Transfer::finish() noexcept {
  // Some of what libcurl counts in a handle outlives an exchange, its own retries for one.
  if (!went_smoothly_) dressed_.reset();
  lines_ = {};
  request_ = {};
  given_ = 0;
  connected_ = sent_again_ = sent_before_ = went_smoothly_ = false;
  received_ = nullptr;
  received_bytes_ = received_capacity_ = 0;
  *error_text_ = '\0';
}

std::size_t Transfer::on_read(char* buffer, std::size_t size, std::size_t count, void* self) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  const auto rest = transfer.request_.body.data.subspan(transfer.given_);
  const std::size_t bytes = std::min(rest.size(), size * count);
  if (bytes != 0) std::memcpy(buffer, rest.data(), bytes);
  transfer.given_ += bytes;
  return bytes;
}

int Transfer::on_seek(void* self, curl_off_t offset, int origin) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  if (origin != SEEK_SET || offset < 0 ||
      static_cast<std::uint64_t>(offset) > transfer.request_.body.data.size()) {
    return CURL_SEEKFUNC_CANTSEEK;
  }
  // libcurl goes back to send the body again: a kept-alive connection turned out to be dead.
  if (transfer.connected_ && transfer.whole_body_given()) transfer.sent_before_ = true;
  transfer.given_ = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

int Transfer::on_connected(void* self, char*, char*, int, int) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  // Called before each sending; the second time there may have been nothing to seek back in.
  if (transfer.connected_ && transfer.whole_body_given()) transfer.sent_before_ = true;
  transfer.sent_again_ = transfer.connected_;
  transfer.connected_ = true;
  return CURL_PREREQFUNC_OK;
}

/// Makes room for `bytes` in all. False if that is more than the request allows.
bool Transfer::reserve(std::size_t bytes) {
  if (bytes > request_.answer_bytes_max) return false;
  if (bytes <= received_capacity_) return true;
  curl_off_t announced = -1;
  curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
  const std::size_t wanted =
      std::max({bytes, received_capacity_ * 2, static_cast<std::size_t>(std::max<curl_off_t>(announced, 0))});
  if (announced > 0 && static_cast<std::uint64_t>(announced) > request_.answer_bytes_max) return false;
  const auto capacity = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, request_.answer_bytes_max));
  auto larger = std::make_shared_for_overwrite<std::byte[]>(capacity);
  if (received_bytes_ != 0) std::memcpy(larger.get(), received_.get(), received_bytes_);
  received_ = std::move(larger);
  received_capacity_ = capacity;
  return true;
}

std::size_t Transfer::on_write(char* data, std::size_t size, std::size_t count, void* self) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t bytes = size * count;
  const long status = transfer.info(CURLINFO_RESPONSE_CODE);
  std::size_t kept = bytes;
  if (status >= 300)
    kept = std::min(bytes, error_bytes_max - std::min(error_bytes_max, transfer.received_bytes_));
  if (kept == 0) return bytes;
  try {
    if (!transfer.reserve(transfer.received_bytes_ + kept)) return status >= 300 ? bytes : 0;
  } catch (const std::bad_alloc&) {
    return 0;  // ends the transfer with CURLE_WRITE_ERROR
  }
  std::memcpy(transfer.received_.get() + transfer.received_bytes_, data, kept);
  transfer.received_bytes_ += kept;
  return bytes;
}

std::string Transfer::header(const char* name) const {
  curl_header* found = nullptr;
  if (curl_easy_header(easy_.get(), name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK) return {};
  return found->value;
}

long Transfer::info(CURLINFO what) const {
  long value = 0;
  curl_easy_getinfo(easy_.get(), what, &value);
  return value;
}

Failure Transfer::failure(CURLcode code) const {
  const Failure failure = failure_of(code);
  // Whatever OpenSSL finds wrong with the authorities has a number above these: it is the name.
  constexpr long nothing_or_unspecified = 1;
  if (code == CURLE_PEER_FAILED_VERIFICATION && info(CURLINFO_SSL_VERIFYRESULT) <= nothing_or_unspecified)
    return Failure::misnamed;
  // The proxy answered, and opened no tunnel.
  if (failure == Failure::interrupted && info(CURLINFO_HTTP_CONNECTCODE) >= 300) return Failure::unreachable;
  return failure;
}

HttpAnswer Transfer::answer(CURLcode code) {
  HttpAnswer answer;
  went_smoothly_ = code == CURLE_OK && !sent_again_;
  answer.status = static_cast<int>(info(CURLINFO_RESPONSE_CODE));
  if (code != CURLE_OK) {
    answer.failure = failure(code);
    answer.failure_text = *error_text_ != '\0' ? error_text_ : curl_easy_strerror(code);
    if (answer.failure == Failure::unreachable && info(CURLINFO_HTTP_CONNECTCODE) == 407) {
      answer.failure.reset();
      answer.status = 407;  // as it would be without a tunnel
    }
  }
  answer.sent_before = sent_before_;
  answer.request_arrived = sent_before_ || (connected_ && whole_body_given());
  answer.body.data = {received_.get(), received_bytes_};
  answer.body.owner = std::move(received_);
  answer.region = header("x-amz-bucket-region");
  answer.date_unix_s = parse_http_date(header("date"));
  curl_off_t retry_after = 0;
  if (curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK && retry_after > 0) {
    answer.retry_after_s = static_cast<std::uint32_t>(std::min<curl_off_t>(retry_after, 3600));
  }
  answer.content_range = parse_content_range(header("content-range"));
  return answer;
}

}  // namespace varve::object_store::s3
