#include "object_store/s3/request.h"

#include <fmt/format.h>
#include <isa-l/crc.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <pugixml.hpp>

#include "base/invariant.h"
#include "base/mutant.h"
#include "object_store/s3/canonical.h"

namespace varve::object_store::s3 {
namespace {

std::string base64(std::span<const unsigned char> bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a NUL
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
  out.pop_back();
  return out;
}

Bytes bytes_of(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  return {.data = std::as_bytes(std::span(*owner)), .owner = owner};
}

class StringWriter : public pugi::xml_writer {
 public:
  void write(const void* data, std::size_t size) override {
    text.append(static_cast<const char*>(data), size);
  }
  std::string text;
};

/// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
std::string delete_document(std::span<const std::string> keys) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("Delete");
  root.append_child("Quiet").text().set("true");
  for (const std::string& key : keys) {
    root.append_child("Object").append_child("Key").text().set(key.c_str());
  }
  StringWriter writer;
  document.save(writer, "", pugi::format_raw);
  return std::move(writer.text);
}

std::string range_value(ByteRange range) {
  // Nothing of it is wanted, but whether the object exists is: ask for one byte.
  const std::uint64_t length = std::max<std::uint64_t>(range.length, 1);
  if (range.length == UINT64_MAX || length - 1 > UINT64_MAX - range.offset)
    return fmt::format("bytes={}-", range.offset);
  return fmt::format("bytes={}-{}", range.offset, range.offset + (length - 1));
}

}  // namespace

Requests::Requests(const Settings& settings)
    : bucket_path_(settings.path_style ? "/" + settings.bucket : ""), checksum_(settings.checksum) {
  if (settings.encryption == Encryption::bucket_default) return;
  const bool kms = settings.encryption == Encryption::kms;
  put_headers_.push_back({"x-amz-server-side-encryption", kms ? "aws:kms" : "AES256"});
  if (!settings.kms_key.empty()) {
    put_headers_.push_back({"x-amz-server-side-encryption-aws-kms-key-id", settings.kms_key});
  }
}

std::string Requests::path_of(std::string_view key) const { return bucket_path_ + "/" + encode_path(key); }

HttpRequest Requests::put(std::string_view key, Bytes body, bool if_absent) const {
  HttpRequest request{.method = Method::put, .path = path_of(key), .headers = put_headers_};
  if (if_absent && !mutated(Mutant::condition_dropped)) request.headers.push_back({"if-none-match", "*"});
  if (checksum_ == Checksum::crc32c) {
    request.headers.push_back({"x-amz-checksum-crc32c", crc32c_base64(body.data)});
  } else if (checksum_ == Checksum::md5) {
    request.headers.push_back({"content-md5", md5_base64(body.data)});
  }
  request.body = std::move(body);
  if (mutated(Mutant::hedge_keeps_nothing)) request.body.owner = nullptr;
  return request;
}

HttpRequest Requests::get(std::string_view key, ByteRange range) const {
  // All of it is a range, too: only the answer to one says twice how long it is (see Get::judge).
  return {
      .path = path_of(key), .headers = {{"range", range_value(range)}}, .answer_bytes_max = object_bytes_max};
}

HttpRequest Requests::list(std::string_view prefix, std::string_view after, std::uint32_t limit,
                           std::string_view token) const {
  // Without encoding-type, keys with control characters would make the answer unreadable XML.
  std::vector<Parameter> parameters = {
      {"list-type", "2"}, {"encoding-type", "url"}, {"max-keys", fmt::format("{}", limit)}};
  if (!prefix.empty()) parameters.emplace_back("prefix", prefix);
  if (!token.empty()) {
    parameters.emplace_back("continuation-token", token);
  } else if (!after.empty()) {
    parameters.emplace_back("start-after", after);
  }
  // A thousand keys of 1024 bytes, each byte escaped, twice over for what surrounds them.
  constexpr std::uint64_t page_bytes_max = std::uint64_t{8} << 20;
  return {.path = bucket_path_ + (bucket_path_.empty() ? "/" : ""),
          .query = encode_query(parameters),
          .answer_bytes_max = page_bytes_max};
}

HttpRequest Requests::remove_one(std::string_view key) const {
  return {.method = Method::del, .path = path_of(key)};
}

HttpRequest Requests::remove_many(std::span<const std::string> keys) const {
  constexpr std::uint64_t errors_bytes_max = std::uint64_t{8} << 20;
  HttpRequest request{.method = Method::post,
                      .path = bucket_path_ + (bucket_path_.empty() ? "/" : ""),
                      .query = encode_query({{"delete", ""}}),
                      .body = bytes_of(delete_document(keys)),
                      .answer_bytes_max = errors_bytes_max};
  // AWS refuses this request without a checksum of the body.
  request.headers.push_back({"content-md5", md5_base64(request.body.data)});
  request.headers.push_back({"content-type", "application/xml"});
  return request;
}

bool fits_xml(std::string_view key) noexcept {
  // https://www.w3.org/TR/xml/#charsets; tabs and line ends would survive only some parsers.
  const bool control =
      std::any_of(key.begin(), key.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  return !control && key.find("\xEF\xBF\xBE") == std::string_view::npos &&  // U+FFFE
         key.find("\xEF\xBF\xBF") == std::string_view::npos;                // U+FFFF
}

std::string crc32c_base64(std::span<const std::byte> bytes) {
  std::uint32_t crc = ~std::uint32_t{0};
  constexpr std::size_t piece_bytes = std::size_t{1} << 30;  // ISA-L takes an int
  for (std::size_t at = 0; at < bytes.size(); at += piece_bytes) {
    const auto piece = bytes.subspan(at, std::min(piece_bytes, bytes.size() - at));
    // ISA-L takes a pointer to non-const, and reads only.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(piece.data()));
    crc = crc32_iscsi(data, static_cast<int>(piece.size()), crc);
  }
  crc = ~crc;
  const std::array<unsigned char, 4> big_endian = {
      static_cast<unsigned char>(crc >> 24), static_cast<unsigned char>(crc >> 16),
      static_cast<unsigned char>(crc >> 8), static_cast<unsigned char>(crc)};
  return base64(big_endian);
}

std::string md5_base64(std::span<const std::byte> bytes) {
  std::array<unsigned char, 16> digest{};
  VARVE_INVARIANT(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_md5(), nullptr) == 1);
  return base64(digest);
}

}  // namespace varve::object_store::s3
