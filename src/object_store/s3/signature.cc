#include "object_store/s3/signature.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "base/invariant.h"

namespace varve::object_store::s3 {
namespace {

using Digest = std::array<unsigned char, 32>;

std::string_view view(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest sha256(std::string_view text) {
  Digest digest;
  VARVE_INVARIANT(EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return digest;
}

Digest hmac_sha256(std::string_view key, std::string_view text) {
  Digest digest;
  unsigned length = 0;
  VARVE_INVARIANT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
                       &length) != nullptr);
  return digest;
}

std::string hex(const Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * digest.size());
  for (const unsigned char byte : digest) out += {digits[byte >> 4], digits[byte & 15]};
  return out;
}

/// Without blanks at the ends, and one for each run inside.
std::string trimmed(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

struct CanonicalHeaders {
  std::string lines;  // "name:value\n" each
  std::string names;  // "a;b"
};

CanonicalHeaders canonical_headers(std::vector<Header> headers) {
  std::sort(headers.begin(), headers.end(), [](const Header& a, const Header& b) { return a.name < b.name; });
  CanonicalHeaders out;
  for (const Header& header : headers) {
    out.lines += fmt::format("{}:{}\n", header.name, trimmed(header.value));
    if (!out.names.empty()) out.names += ';';
    out.names += header.name;
  }
  return out;
}

std::string_view value_of(const std::vector<Header>& headers, std::string_view name) {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [&](const Header& h) { return h.name == name; });
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

}  // namespace

std::string amz_date(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string_view Signer::key_of(std::string_view day) {
  if (key_day_ == day) return key_.reveal();
  // Secrets, so that these copies of the key are wiped as well.
  const Secret start(fmt::format("AWS4{}", credentials_.secret_access_key.reveal()));
  Digest key = hmac_sha256(start.reveal(), day);
  key = hmac_sha256(view(key), scope_.region);
  key = hmac_sha256(view(key), scope_.service);
  key = hmac_sha256(view(key), "aws4_request");
  key_ = Secret(view(key));
  key_day_ = day;
  return key_.reveal();
}

std::string Signer::authorization(const HttpRequest& request, const std::vector<Header>& headers,
                                  std::string_view payload_hash) {
  const CanonicalHeaders canonical = canonical_headers(headers);
  const std::string canonical_request =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", to_string(request.method), request.path, request.query,
                  canonical.lines, canonical.names, payload_hash);

  const std::string_view date_time = value_of(headers, "x-amz-date");
  const std::string_view day = date_time.substr(0, 8);
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", day, scope_.region, scope_.service);
  const std::string to_sign =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date_time, scope, hex(sha256(canonical_request)));
  return fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                     credentials_.access_key_id, scope, canonical.names,
                     hex(hmac_sha256(key_of(day), to_sign)));
}

std::vector<Header> Signer::sign(const HttpRequest& request, std::string_view host,
                                 std::chrono::system_clock::time_point now) {
  constexpr std::string_view payload_hash = "UNSIGNED-PAYLOAD";
  std::vector<Header> headers = request.headers;
  headers.push_back({"host", std::string(host)});
  headers.push_back({"x-amz-date", amz_date(now)});
  headers.push_back({"x-amz-content-sha256", std::string(payload_hash)});
  if (!credentials_.session_token.empty()) {
    headers.push_back({"x-amz-security-token", std::string(credentials_.session_token.reveal())});
  }
  headers.push_back({"authorization", authorization(request, headers, payload_hash)});
  return headers;
}

}  // namespace varve::object_store::s3
