// AWS Signature Version 4, without a clock or a socket.
//
// libcurl can sign too (CURLOPT_AWS_SIGV4), but 7.88 sorts whole header lines instead of names, so
// `x-amz-server-side-encryption` beside `x-amz-server-side-encryption-aws-kms-key-id` never
// verifies; its other quirks (`Expect`, queries, ':' in keys) differ between releases. Signing here
// is testable against AWS's published vectors without a socket, and the secret never enters a
// transfer handle.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "object_store/s3/credentials/credentials.h"
#include "object_store/s3/http.h"

namespace varve::object_store::s3 {

/// What a signature is valid for.
struct SigningScope {
  std::string region;
  std::string service = "s3";
};

/// "20150830T123600Z".
std::string amz_date(std::chrono::system_clock::time_point time);

/// Signs on behalf of one owner of keys. Not thread-safe: it remembers the day's signing key.
class Signer {
 public:
  Signer(SigningScope scope, Credentials credentials)
      : scope_(std::move(scope)), credentials_(std::move(credentials)) {}

  /// The `authorization` header's value. `headers` are all that are to be signed, `host` and
  /// `x-amz-date` among them; `payload_hash` is what stands for the body.
  std::string authorization(const HttpRequest& request, const std::vector<Header>& headers,
                            std::string_view payload_hash);

  /// All headers to send, signed: the request's own, `host`, and what signing adds. The body is not
  /// hashed (UNSIGNED-PAYLOAD): SHA-256 would cost more than the upload.
  std::vector<Header> sign(const HttpRequest& request, std::string_view host,
                           std::chrono::system_clock::time_point now);

 private:
  [[nodiscard]] std::string_view key_of(std::string_view day);

  const SigningScope scope_;
  const Credentials credentials_;
  // The same all day long, and four of a signature's five HMACs.
  Secret key_;
  std::string key_day_;
};

}  // namespace varve::object_store::s3
