// The S3 requests a store makes, as values.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "object_store/s3/http.h"
#include "object_store/s3/settings.h"
#include "varve/store.h"

namespace varve::object_store::s3 {

/// Larger objects are not read: Varve's own stay far below.
inline constexpr std::uint64_t object_bytes_max = std::uint64_t{1} << 30;

class Requests {
 public:
  explicit Requests(const Settings& settings);

  [[nodiscard]] HttpRequest put(std::string_view key, Bytes body, bool if_absent) const;
  [[nodiscard]] HttpRequest get(std::string_view key, ByteRange range) const;
  /// `token`: where the last page's answer said to go on; then `after` is ignored.
  [[nodiscard]] HttpRequest list(std::string_view prefix, std::string_view after, std::uint32_t limit,
                                 std::string_view token) const;
  [[nodiscard]] HttpRequest remove_one(std::string_view key) const;
  /// Only keys that `fits_xml`.
  [[nodiscard]] HttpRequest remove_many(std::span<const std::string> keys) const;

 private:
  [[nodiscard]] std::string path_of(std::string_view key) const;

  std::string bucket_path_;  // "/bucket" or ""
  Checksum checksum_;
  std::vector<Header> put_headers_;
};

/// False for keys with bytes that XML 1.0 cannot carry, even escaped.
bool fits_xml(std::string_view key) noexcept;

/// The value of x-amz-checksum-crc32c.
std::string crc32c_base64(std::span<const std::byte> bytes);
/// The value of Content-MD5.
std::string md5_base64(std::span<const std::byte> bytes);

}  // namespace varve::object_store::s3
