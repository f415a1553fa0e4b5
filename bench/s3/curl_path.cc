#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "bench/s3/put_path.h"
#include "object_store/s3/signature.h"

namespace varve::bench::s3 {
namespace {

using Clock = std::chrono::steady_clock;

struct EasyCloser {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct MultiCloser {
  void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};
struct ListFreer {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

/// One easy handle, used for one PUT after the other.
struct Lane {
  std::unique_ptr<curl_slist, ListFreer> headers;
  std::unique_ptr<CURL, EasyCloser> easy;
  Bytes body;
  std::size_t given = 0;
  Clock::time_point sent;
};

std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* self) noexcept {
  auto& lane = *static_cast<Lane*>(self);
  const std::size_t bytes = std::min(size * count, lane.body.data.size() - lane.given);
  std::memcpy(buffer, lane.body.data.data() + lane.given, bytes);
  lane.given += bytes;
  return bytes;
}

int on_seek(void* self, curl_off_t offset, int origin) noexcept {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Lane*>(self)->given = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::size_t on_write(char*, std::size_t size, std::size_t count, void*) noexcept { return size * count; }

class CurlPath final : public PutPath {
 public:
  CurlPath(const Bucket& bucket, std::unique_ptr<CURLM, MultiCloser> multi)
      : bucket_(bucket),
        host_(bucket.endpoint.substr(bucket.endpoint.find("://") + 3)),
        signer_({.region = bucket.region},
                {.access_key_id = bucket.access_key_id,
                 .secret_access_key = object_store::s3::Secret(bucket.secret_access_key),
                 .source = "bench"}),
        multi_(std::move(multi)) {}

  Result<PutFigures> run(const PutLoad& load) override {
    figures_ = {};
    next_ = 0;
    const Clock::time_point begun = Clock::now();
    const auto going = [&] {
      return std::chrono::duration<double>(Clock::now() - begun).count() < load.seconds &&
             next_ < load.puts_max;
    };
    while (lanes_.size() < load.in_flight) lanes_.push_back(make_lane());
    std::uint32_t under_way = 0;
    for (std::uint32_t i = 0; i < load.in_flight && going(); ++i, ++under_way) start(*lanes_[i], load);
    while (under_way > 0) {
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      int left = 0;
      bool any = false;
      while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        any = true;
        Lane* lane = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &lane);
        if (auto ended = end(*lane, message->data.result); !ended) return ended.error();
        if (going()) {
          start(*lane, load);
        } else {
          --under_way;
        }
      }
      if (!any) curl_multi_poll(multi_.get(), nullptr, 0, 1000, nullptr);
    }
    figures_.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    return std::move(figures_);
  }

 private:
  std::unique_ptr<Lane> make_lane() {
    auto lane = std::make_unique<Lane>();
    lane->easy.reset(curl_easy_init());
    CURL* const easy = lane->easy.get();
    curl_easy_setopt(easy, CURLOPT_PRIVATE, lane.get());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 262'144L);  // as Varve's
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, &on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, lane.get());
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, lane.get());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_write);
    return lane;
  }

  void start(Lane& lane, const PutLoad& load) {
    lane.body = load.body;
    lane.given = 0;
    lane.sent = Clock::now();
    CURL* const easy = lane.easy.get();
    const object_store::s3::HttpRequest request{
        .method = object_store::s3::Method::put,
        .path = fmt::format("/{}/{}{}", bucket_.name, load.prefix, next_++),
        .headers = {{"if-none-match", "*"}}};
    curl_easy_setopt(easy, CURLOPT_URL, (bucket_.endpoint + request.path).c_str());
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(load.body.data.size()));
    curl_slist* lines = curl_slist_append(nullptr, "Expect:");
    for (const auto& [name, value] : signer_.sign(request, host_, std::chrono::system_clock::now())) {
      lines = curl_slist_append(lines, fmt::format("{}: {}", name, value).c_str());
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lines);
    lane.headers.reset(lines);
    curl_multi_add_handle(multi_.get(), easy);
  }

  Result<void> end(Lane& lane, CURLcode code) {
    figures_.latencies_ms.push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - lane.sent).count());
    CURL* const easy = lane.easy.get();
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(multi_.get(), easy);
    if (code == CURLE_OK && status == 200) return {};
    return Error(Code::unavailable,
                 fmt::format("libcurl's PUT: HTTP {}, {}", status, curl_easy_strerror(code)));
  }

  const Bucket bucket_;
  const std::string host_;
  object_store::s3::Signer signer_;
  std::unique_ptr<CURLM, MultiCloser> multi_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  PutFigures figures_;
  std::uint64_t next_ = 0;
};

}  // namespace

Result<std::unique_ptr<PutPath>> make_curl_path(const Bucket& bucket) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<CURLM, MultiCloser> multi(curl_multi_init());
  if (!multi) return Error(Code::unavailable, "libcurl could not be set up");
  return std::make_unique<CurlPath>(bucket, std::move(multi));
}

}  // namespace varve::bench::s3
