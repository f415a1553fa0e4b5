#include "object_store/s3/credentials/fetch.h"

#include <fmt/format.h>

#include <cstring>

#include "object_store/s3/curl_handle.h"

namespace varve::object_store::s3 {
namespace {

/// Fixed, so that no grown-out-of copy of a secret is left behind.
class Answer {
 public:
  ~Answer() { explicit_bzero(text_, used_); }
  bool append(const char* data, std::size_t bytes) {
    if (bytes > sizeof(text_) - used_) return false;
    std::memcpy(text_ + used_, data, bytes);
    used_ += bytes;
    return true;
  }
  [[nodiscard]] std::string_view text() const { return {text_, used_}; }

 private:
  char text_[65'536];
  std::size_t used_ = 0;
};

std::size_t on_write(char* data, std::size_t size, std::size_t count, void* answer) noexcept {
  return static_cast<Answer*>(answer)->append(data, size * count) ? size * count : 0;
}

int on_progress(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
  return static_cast<const std::atomic<bool>*>(stop)->load(std::memory_order_relaxed) ? 1 : 0;
}

Result<FetchAnswer> fetch(const FetchRequest& request, const std::atomic<bool>& stop,
                          const std::string& ca_file) {
  ensure_curl_is_initialised();
  const EasyHandle handle(curl_easy_init());
  if (!handle) return Error(Code::unavailable, "libcurl could not be set up");
  CURL* easy = handle.get();
  Answer answer;
  HeaderLines lines;
  for (const Header& header : request.headers) lines.add(fmt::format("{}: {}", header.name, header.value));

  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  if (request.link_local) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  if (!ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
  if (request.method == Method::put || request.method == Method::post) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.reveal().size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.reveal().data());
    if (request.method == Method::put) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PUT");
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lines.get());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_write);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(&stop));

  const CURLcode code = curl_easy_perform(easy);
  if (code != CURLE_OK)
    return Error(Code::unavailable, fmt::format("{}: {}", request.url, curl_easy_strerror(code)));
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return FetchAnswer{.status = static_cast<int>(status), .body = Secret(answer.text())};
}

}  // namespace

Fetch fetch_with_curl(const std::atomic<bool>& stop, std::string ca_file) {
  return [&stop, ca_file = std::move(ca_file)](const FetchRequest& request) {
    return fetch(request, stop, ca_file);
  };
}

}  // namespace varve::object_store::s3
