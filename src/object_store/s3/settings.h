// What an s3:// URI and the environment say about one store.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "object_store/uri.h"
#include "varve/result.h"

namespace varve::object_store::s3 {

/// Which checksum travels with a PUT, for the store to verify before it acknowledges.
enum class Checksum : std::uint8_t {
  none,    ///< TCP's and TLS's only; Varve's own are verified at every read anyway
  crc32c,  ///< x-amz-checksum-crc32c: AWS; ignored by servers that do not know it
  md5,     ///< Content-MD5: nearly all servers; costs more CPU than the upload itself
};

/// Server-side encryption asked for with each PUT.
enum class Encryption : std::uint8_t {
  bucket_default,
  s3,   ///< SSE-S3: "AES256"
  kms,  ///< SSE-KMS: "aws:kms", under `Settings::kms_key` if set
};

struct Settings {
  std::string bucket;
  std::string endpoint;  ///< scheme, host and port, without a path: "https://s3.eu-west-1.amazonaws.com"
  std::string region;
  bool on_aws = false;       ///< the endpoint is Amazon's own
  bool path_style = false;   ///< the bucket is in the path, not in the host's name
  bool anonymous = false;    ///< sign nothing
  std::string profile = {};  ///< of the shared files; empty: AWS_PROFILE or "default"

  Checksum checksum = Checksum::none;
  Encryption encryption = Encryption::bucket_default;
  std::string kms_key = {};

  std::string ca_file = {};  ///< empty: the system's
  std::string proxy = {};    ///< empty: as the environment says (https_proxy, no_proxy)

  std::chrono::milliseconds connect_timeout{3'000};
  /// No byte for so long ends an attempt.
  std::chrono::milliseconds stall_timeout{10'000};
  /// One attempt, plus a second for each MiB to be moved.
  std::chrono::milliseconds attempt_timeout{15'000};
  /// All attempts at one request together, plus a second for each MiB to be moved.
  std::chrono::milliseconds deadline{30'000};
  std::uint32_t max_in_flight = 128;
  bool hedge = true;

  /// The bucket's own address: "https://bucket.s3.eu-west-1.amazonaws.com".
  [[nodiscard]] std::string base_url() const;
  /// What the `host` header says: without the port where it is the scheme's own.
  [[nodiscard]] std::string host() const;
};

/// An environment variable's value; a parameter so that tests bring their own.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Of this process; an empty variable counts as unset.
Environment process_environment();

/// Errors: `invalid_argument`, naming the parameter and how it would be right.
Result<Settings> settings_from(const Uri& uri, const Environment& environment);

}  // namespace varve::object_store::s3
