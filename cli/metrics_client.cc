#include "cli/metrics_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

namespace varve::cli {
namespace {

constexpr long patience_ms = 10'000;
// An exporter watches a few logs, and says some tens of kilobytes of each.
constexpr std::size_t answer_bytes_max = std::size_t{64} << 20;

std::size_t collect(const char* bytes, std::size_t, std::size_t count, void* answer) {
  auto& text = *static_cast<std::string*>(answer);
  if (text.size() + count > answer_bytes_max) return 0;  // and curl gives up
  text.append(bytes, count);
  return count;
}

}  // namespace

Result<nlohmann::ordered_json> state_served_at(const std::string& url) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(), &curl_easy_cleanup);
  if (!easy) return Error(Code::no_memory, "no memory for an HTTP request");
  const std::string where = url + (url.ends_with('/') ? "state" : "/state");
  std::string answer;
  curl_easy_setopt(easy.get(), CURLOPT_URL, where.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, patience_ms);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, &collect);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &answer);
  if (const CURLcode failed = curl_easy_perform(easy.get()); failed != CURLE_OK) {
    return Error(
        Code::unavailable,
        fmt::format("nobody serves metrics at {}: {}; a writer does that with varve append --metrics-port",
                    where, curl_easy_strerror(failed)));
  }
  auto state = nlohmann::ordered_json::parse(answer, nullptr, false);
  if (!state.is_object() || !state.contains("writers") || !state["writers"].is_array()) {
    return Error(Code::invalid_argument, fmt::format("what is at {} is not Varve's", where));
  }
  return state;
}

}  // namespace varve::cli
